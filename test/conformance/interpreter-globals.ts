import type { Draw } from './interpreter-drawing.ts'

/** The operators that read a global table. */
export const globalsOperators: Readonly<Record<string, Draw>> = {}
