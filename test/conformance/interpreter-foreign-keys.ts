import type { Draw } from './interpreter-drawing.ts'

/** The operators that join tables by a foreign key. */
export const foreignKeysOperators: Readonly<Record<string, Draw>> = {}
