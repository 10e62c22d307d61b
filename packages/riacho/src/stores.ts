import { join } from 'node:path'
import type { StoreSuppliers } from '@riacho/streams/engine'
import type { Settings } from './configuration.ts'
import { failure } from './errors.ts'

/** Where state is kept: in memory, or in files below an application's folder. Their package is loaded only for those who ask. Rejects with `RIACHO_NO_LMDB`. */
export async function storesOf(kind: Settings['stateStore'], directory: string): Promise<StoreSuppliers | undefined> {
  if (kind !== 'lmdb') return undefined
  let found: typeof import('@riacho/lmdb')
  try {
    found = await import('@riacho/lmdb')
  } catch (thrown) {
    throw failure('RIACHO_NO_LMDB', 'stateStore lmdb needs its package: install @riacho/lmdb, or leave state in memory', thrown)
  }
  return found.lmdb({ directory: join(directory, 'state') })
}
