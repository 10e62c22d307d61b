import type { Draw } from './interpreter-drawing.ts'

/** The operators that hold results back. */
export const suppressOperators: Readonly<Record<string, Draw>> = {}
