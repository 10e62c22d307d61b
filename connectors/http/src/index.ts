export { codes } from './errors.ts'
export type { WebhookOptions } from './options.ts'
export { webhook } from './sink.ts'
