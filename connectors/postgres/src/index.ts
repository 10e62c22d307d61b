export { codes } from './errors.ts'
export type { OutboxColumns, OutboxOptions, PostgresOptions, PostgresValue, Server, Version } from './options.ts'
export { postgres } from './sink.ts'
export { outbox } from './source.ts'
