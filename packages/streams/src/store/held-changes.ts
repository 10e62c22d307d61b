import type { Change, Headers } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { Store } from '../contract/store.ts'
import type { DropReason, Emit, Position, StoreSpec, StoreTask, Task } from '../contract/task.ts'
import { WaitingKeys } from './waiting-keys.ts'

/** A record of the changelog that waits: copies. */
type Logged = readonly [key: string | Uint8Array, value: string | Uint8Array | null, timestamp: number, headers: Headers | undefined]

/** The last write of a key that waits for the commit. */
interface Entry {
  readonly key: unknown
  /** The row that was handed on last. */
  readonly old: unknown
  log: Logged | undefined
  change: Change<unknown, unknown> | undefined
  /** Where the record came from that made it. */
  position: Position | null
}

/** What a cache must know of the changes that it holds. */
export interface HeldChangesOptions {
  /** Serde of the keys. */
  readonly key: Serde<unknown>
  readonly recordsMax: number
  /** A deletion has the time of its window's end, else that of the record that deletes. */
  readonly timedByEnd: boolean
}

/**
 * Writes of a store that wait for the commit (Kafka Streams: `NamedCache`, `CachingKeyValueStore`, `CachingWindowStore`, `CachingSessionStore`): the last one of each key.
 * The rows themselves are written at once; what waits is their record in the changelog, for which it stands between store and task, and the change that the operator
 * hands on after each write.
 */
export class HeldChanges implements StoreTask {
  readonly #task: StoreTask
  readonly #keys: WaitingKeys<Entry>
  /** The one that was written longest ago first. */
  readonly #order = new Set<Entry>()
  readonly #recordsMax: number
  readonly #timedByEnd: boolean
  /** The entry whose record of the changelog comes next. */
  #writing: Entry | undefined
  /** The entry whose change comes next. */
  #written: Entry | undefined
  /** Undefined: nobody commits, and nothing is held back. */
  #handOn: ((entry: Entry, log: Logged) => void) | undefined

  constructor(task: StoreTask, { key, recordsMax, timedByEnd }: HeldChangesOptions) {
    this.#task = task
    this.#keys = new WaitingKeys(key)
    this.#recordsMax = recordsMax
    this.#timedByEnd = timedByEnd
  }

  /** Keys that wait. */
  get size(): number {
    return this.#order.size
  }

  /** Begins to hold back: what leaves goes to `out`, with old values if they are asked for. Returns what takes the operator's changes. */
  connect(task: Task, out: Emit<Change<unknown, unknown>>, previous: boolean): Emit<Change<unknown, unknown>> {
    this.#handOn = ({ change, position, old }, [, value, at]) => {
      if (change === undefined) return
      const timestamp = value === null && !this.#timedByEnd ? at : change.timestamp
      task.onBehalf(position, out, { ...change, timestamp, previous: previous ? old : undefined })
    }
    return change => {
      this.#written!.change = change
      this.#written!.position = task.position()
      if (this.#order.size > this.#recordsMax) this.flush()
    }
  }

  /** Before a write: whether nothing waits of this key, so that {@link add} must be told the row that is there. */
  isNew(key: unknown): boolean {
    if (this.#handOn === undefined) return false
    const entry = this.#keys.get(key)
    if (entry === undefined) return true
    this.#order.delete(entry)
    this.#expect(entry)
    return false
  }

  /** Before a write: `old` is null when there is no row. */
  add(key: unknown, old: unknown): void {
    const entry: Entry = { key, old, log: undefined, change: undefined, position: null }
    this.#keys.add(entry)
    this.#expect(entry)
  }

  #expect(entry: Entry): void {
    this.#order.add(entry)
    this.#writing = entry
    this.#written = entry
  }

  log(key: string | Uint8Array, value: string | Uint8Array | null, timestamp: number, headers?: Headers): void {
    const entry = this.#writing
    this.#writing = undefined
    if (entry === undefined) this.#task.log(key, value, timestamp, headers)
    else entry.log = [copied(key), value === null ? null : copied(value), timestamp, headers]
  }

  drop(reason: DropReason): void {
    this.#task.drop(reason)
  }

  supply<S extends Store>(spec: StoreSpec<S>, task: StoreTask): S | undefined {
    return this.#task.supply?.(spec, task)
  }

  /** Logs and hands on what waits. Of a row that came and went meanwhile nobody hears. */
  flush(): void {
    const entries = [...this.#order]
    this.clear()
    for (const entry of entries) {
      const { log, old } = entry
      if (log === undefined || (log[1] === null && old === null)) continue
      this.#task.log(...log)
      this.#handOn!(entry, log)
    }
  }

  clear(): void {
    this.#order.clear()
    this.#keys.clear()
    this.#writing = undefined
    this.#written = undefined
  }
}

/** Stores use their buffers again. */
const copied = (raw: string | Uint8Array): string | Uint8Array => (typeof raw === 'string' ? raw : Uint8Array.from(raw))
