import type { Asked } from '../contract/node.ts'
import type { Change } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { KeyValueStore, SessionStore, Store, WindowStore } from '../contract/store.ts'
import type { CacheSpec, Emit, StoreSpec, StoreTask, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { windowedKey } from '../wire/windowed-key.ts'
import { CachedKeyValueStore } from './cached-key-value.ts'
import { CachedSessionStore } from './cached-session.ts'
import { CachedWindowStore } from './cached-window.ts'
import { HeldChanges } from './held-changes.ts'

/** An operator whose store may hold changes back until the commit. */
export interface CacheOption {
  /**
   * Holds changes back until the commit (Kafka Streams: record cache): of all changes of a key only the last is written to the changelog and handed on, with the row that
   * was handed on before as its old value. Who reads the table's rows sees each change at once. Default: none, each change is written and handed on when it is made, as
   * Kafka Streams does with a cache of 0 bytes; how many changes are seen then does not depend on when commits happen. On plain Observables nobody commits, and nothing
   * is held back.
   */
  readonly cache?: CacheSpec | undefined
}

/** The same store with a cache, if it shall have one. Throws `RIACHO_OPTION`. */
export function withCache<S extends Store>(spec: StoreSpec<S>, key: Serde<unknown>, cache: CacheSpec | undefined): StoreSpec<S> {
  if (cache === undefined) return spec
  const { recordsMax } = cache
  if (!(Number.isSafeInteger(recordsMax) && recordsMax > 0))
    throw new RiachoError('RIACHO_OPTION', `'${spec.name}': a cache's recordsMax is a whole number above 0, not ${recordsMax}`)
  const keys = spec.kind === 'key-value' ? key : windowedKey(key, 1)
  const create = (task: StoreTask): Store => {
    const held = new HeldChanges(task, { key: keys as Serde<unknown>, recordsMax, timedByEnd: spec.kind === 'session' })
    const inner: Store = spec.create(held)
    if (spec.kind === 'window') return new CachedWindowStore(inner as WindowStore<unknown, unknown>, held)
    if (spec.kind === 'session') return new CachedSessionStore(inner as SessionStore<unknown, unknown>, held)
    return new CachedKeyValueStore(inner as KeyValueStore<unknown, unknown>, held)
  }
  return Object.freeze({ ...spec, cache, create: create as StoreSpec<S>['create'] })
}

/** Throws `RIACHO_OPTION` when results that are handed on once shall also be held back. */
export function checkCache(label: string, { cache, emit }: CacheOption & { readonly emit?: string }): void {
  if (cache !== undefined && emit === 'onClose')
    throw new RiachoError('RIACHO_OPTION', `'${label}' hands on each window once, when it closes: there is nothing to cache`)
}

/** Throws `RIACHO_OPTION` when a table shall have a cache and has no store of a name, or one with a history. */
export function checkCached(label: string, store: string | undefined, cache: CacheSpec | undefined, history?: number): void {
  if (cache === undefined) return
  if (store === undefined) throw new RiachoError('RIACHO_OPTION', `'${label}': a cache belongs to a store: give it { store: … } too`)
  if (history !== undefined)
    throw new RiachoError('RIACHO_OPTION', `'${label}' keeps a history, in which every change counts: it has no cache`)
}

/** Where the changes of a node go that has these stores: on, or into the cache of one of them. */
export function throughCache(stores: readonly StoreSpec[], task: Task, out: Emit, asked: Asked): Emit {
  const spec = stores.find(each => each.cache !== undefined)
  if (spec === undefined) return out
  const { held } = task.store(spec) as Store & { readonly held: HeldChanges }
  return held.connect(task, out as Emit<Change<unknown, unknown>>, asked.previous) as Emit
}
