export { codes } from './errors.ts'
export { type LmdbOptions, lmdb } from './suppliers.ts'
