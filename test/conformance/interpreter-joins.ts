import type { Draw } from './interpreter-drawing.ts'

/** The operators that join streams with tables, and tables with tables. */
export const joinsOperators: Readonly<Record<string, Draw>> = {}
