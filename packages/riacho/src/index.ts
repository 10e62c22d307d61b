export { configure, type SettingOrigins, type Settings } from './configuration.ts'
export { codes, explained } from './errors.ts'
export { jsonSchema } from './json-schema.ts'
export { type Running, type RunOptions, run } from './run.ts'
