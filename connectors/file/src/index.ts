export { codes } from './errors.ts'
export type { FileChange, FileOptions } from './options.ts'
export { file } from './source.ts'
