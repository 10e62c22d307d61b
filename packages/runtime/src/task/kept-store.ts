import type { DropReason, Headers, PartitionWriter, Store, StorePlace, StoreSpec, StoreSuppliers, StoreTask } from '@riacho/streams/engine'

/** A store that outlives its task, with the hands by which it reaches the task that has it now. */
export interface KeptStore {
  readonly store: Store
  readonly hands: StoreHands
}

/** An empty store of this spec, whose hands are not bound yet. */
export function keptStore(spec: StoreSpec, suppliers: StoreSuppliers | undefined, place: StorePlace): KeptStore {
  const hands = new StoreHands(suppliers, place)
  return { store: spec.create(hands), hands }
}

/** Releases what stores hold outside of memory. */
export function closeStores(kept: ReadonlyMap<string, KeptStore> = new Map()): void {
  for (const { store } of kept.values()) store.close?.()
}

/** What a store uses of its task. */
export class StoreHands implements StoreTask {
  #writer: PartitionWriter | undefined
  #drop: (reason: DropReason) => void = () => {}
  readonly #suppliers: StoreSuppliers | undefined
  readonly #place: StorePlace

  constructor(suppliers: StoreSuppliers | undefined, place: StorePlace) {
    this.#suppliers = suppliers
    this.#place = place
  }

  /** Without a writer nothing is logged. */
  bind(writer: PartitionWriter | undefined, drop: (reason: DropReason) => void): void {
    this.#writer = writer
    this.#drop = drop
  }

  log(key: string | Uint8Array, value: string | Uint8Array | null, timestamp: number, headers?: Headers): void {
    this.#writer?.append(timestamp, key, value, headers)
  }

  drop(reason: DropReason): void {
    this.#drop(reason)
  }

  supply<S extends Store>(spec: StoreSpec<S>, task: StoreTask): S | undefined {
    return this.#suppliers?.create(spec, task, this.#place) as S | undefined
  }
}
