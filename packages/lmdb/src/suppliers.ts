import { join } from 'node:path'
import { RiachoError, type Store, type StoreSpec, type StoreSuppliers } from '@riacho/streams/engine'
import { StoreFolder } from './folder.ts'
import { DiskKeyValueStore } from './key-value.ts'
import { DiskSessionStore } from './session.ts'
import type { AgingStoreParts } from './store-parts.ts'
import { DiskWindowStore } from './window.ts'
import { WindowsByKey } from './window-by-key.ts'
import { WindowsByStart } from './window-by-start.ts'

/** Options of {@link lmdb}. */
export interface LmdbOptions {
  /** Where the stores lie, on a local disk. What is there is temporary: each start begins anew, from the changelogs. */
  readonly directory: string
  /** Bytes of rows that each store keeps in memory before a commit writes them to its file. Default 8 MiB. */
  readonly memoryBytesMax?: number
  /** Bytes that the file of each store may have. Default 64 GiB. */
  readonly bytesMax?: number
}

/**
 * Keeps the rows of key-value, window and session stores in files, one for each store of each task, so that an application may have more state than memory (Kafka
 * Streams: `RocksDBDslStoreSuppliers`). What they do and what their changelogs hold is the same as in memory. Stores with `ttl`, `recordsMax` or `headers`, versioned
 * stores and the buffers of joins and of `suppress` stay in memory.
 *
 * Errors that stop the application: `RIACHO_STORE_LOCKED` when another process has the directory, `RIACHO_STORE_DISK_FULL`, `RIACHO_STORE_FULL` (`bytesMax`),
 * `RIACHO_STORE_KEY` (a key with its window has more than 1977 bytes), `RIACHO_STORE_FAILED`. Throws `RIACHO_OPTION`.
 *
 * @example
 * const running = app(plan, { broker, stores: lmdb({ directory: '/var/lib/orders' }) })
 */
export function lmdb({ directory, memoryBytesMax = 8 << 20, bytesMax = 64 * 2 ** 30 }: LmdbOptions): StoreSuppliers {
  if (typeof directory !== 'string' || directory === '') throw new RiachoError('RIACHO_OPTION', 'lmdb needs a directory for its files')
  for (const [name, limit] of Object.entries({ memoryBytesMax, bytesMax })) {
    if (!(Number.isSafeInteger(limit) && limit > 0))
      throw new RiachoError('RIACHO_OPTION', `lmdb: ${name} is a whole number above 0, not ${limit}`)
  }
  const folders = new Map<string, StoreFolder>()
  return {
    create: (spec, task, { application, task: id }) => {
      if (spec.rows === undefined) return undefined
      const folder = folders.get(application) ?? new StoreFolder(join(directory, application))
      folders.set(application, folder)
      const file = folder.open(id, spec.name, bytesMax)
      const { key, value } = spec.rows
      return storeOf(spec, { name: spec.name, key, value, task, file, memoryBytesMax, retention: spec.retention ?? 0 })
    },
  }
}

function storeOf({ kind, rows }: StoreSpec, parts: AgingStoreParts<unknown, unknown>): Store {
  if (kind === 'key-value') return new DiskKeyValueStore(parts)
  if (kind === 'session') return new DiskSessionStore(parts)
  const Layout = rows?.layout === 'byKey' ? WindowsByKey : WindowsByStart
  return new DiskWindowStore(parts, (own, expired) => new Layout(own, expired))
}
