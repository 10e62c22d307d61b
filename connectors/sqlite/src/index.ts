export { codes, PoisonRows } from './errors.ts'
export type { SqliteOptions, SqliteValue } from './options.ts'
export { sqlite } from './sink.ts'
