import type { Draw } from './interpreter-drawing.ts'

/** The operators that join streams with streams. */
export const streamJoinsOperators: Readonly<Record<string, Draw>> = {}
