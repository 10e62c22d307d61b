export { codes } from './errors.ts'
export { type AsOf, type LookupOptions, scyllaLookup } from './lookup.ts'
export type { Cluster, Consistency, CqlClient, CqlRow, CqlValue, ScyllaOptions } from './options.ts'
export { scylla } from './sink.ts'
