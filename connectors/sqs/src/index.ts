export { codes } from './errors.ts'
export type { Queue, SqsOptions, SqsSourceOptions } from './options.ts'
export { sqs } from './sink.ts'
export { sqsSource } from './source.ts'
