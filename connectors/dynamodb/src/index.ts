export { codes } from './errors.ts'
export type { Attributes, DynamoOptions } from './options.ts'
export { dynamodb } from './sink.ts'
