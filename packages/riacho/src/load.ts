import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isTopology, type Topology } from '@riacho/streams'
import { RiachoError, reasonOf } from '@riacho/streams/engine'
import { failure } from './errors.ts'

/** The topology that a TypeScript or JavaScript module exports as default. Rejects with `RIACHO_ENTRY_MISSING`, `RIACHO_ENTRY_FAILED` or `RIACHO_ENTRY_NO_TOPOLOGY`. */
export async function loadTopology(file: string): Promise<Topology> {
  const path = resolve(file)
  if (!existsSync(path)) throw failure('RIACHO_ENTRY_MISSING', `${file} does not exist: give the file whose default export is a topology`)
  let loaded: { readonly default?: unknown }
  try {
    loaded = await import(pathToFileURL(path).href)
  } catch (thrown) {
    if (thrown instanceof RiachoError) throw thrown
    throw failure('RIACHO_ENTRY_FAILED', `${file} could not be loaded: ${reasonOf(thrown)}`, thrown)
  }
  if (isTopology(loaded.default)) return loaded.default
  const found = loaded.default === undefined ? 'has no default export' : 'exports something else as default'
  throw failure('RIACHO_ENTRY_NO_TOPOLOGY', `${file} ${found}: write \`export default topology('name', …)\``)
}
