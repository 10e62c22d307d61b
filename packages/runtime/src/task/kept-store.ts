import type { DropReason, Headers, PartitionWriter, Store, StoreSpec, StoreTask } from '@riacho/streams/engine'

/** A store that outlives its task, with the hands by which it reaches the task that has it now. */
export interface KeptStore {
  readonly store: Store
  readonly hands: StoreHands
}

/** An empty store of this spec, whose hands are not bound yet. */
export function keptStore(spec: StoreSpec): KeptStore {
  const hands = new StoreHands()
  return { store: spec.create(hands), hands }
}

/** What a store uses of its task. */
export class StoreHands implements StoreTask {
  #writer: PartitionWriter | undefined
  #drop: (reason: DropReason) => void = () => {}

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
}
