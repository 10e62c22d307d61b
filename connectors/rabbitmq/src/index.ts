export { codes } from './errors.ts'
export type { RabbitServer, RabbitSourceOptions } from './options.ts'
export { rabbitSource } from './source.ts'
