import type { Draw } from './interpreter-drawing.ts'

/** The operators that group several streams together. */
export const cogroupsOperators: Readonly<Record<string, Draw>> = {}
