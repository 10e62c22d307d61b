import { type Headers, noHeaders } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { KeyValueStore, Row } from '../contract/store.ts'
import type { StoreSpec, StoreTask } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { checkName } from '../plan/node.ts'
import { ExpiringStore } from './expiring.ts'
import { type Canonical, type KeyForm, keyForm, wireOf } from './key.ts'
import { LruStore } from './lru.ts'
import { Rows } from './rows.ts'
import { SortedKeys } from './sorted-keys.ts'
import { TimedStore, type Times } from './timed.ts'
import { UndoLog } from './undo.ts'

/** Serdes of a store's rows, in its changelog. */
export interface StoreOptions<K, V> {
  readonly key: Serde<K>
  readonly value: Serde<V>
}

/** Serdes and bounds of a key-value store. */
export interface KeyValueOptions<K, V> extends StoreOptions<K, V> {
  /** Milliseconds of event time that a row lives after its own time; then it is deleted. Default: for ever. */
  readonly ttl?: number
  /** Rows at most; beyond, the one that was used longest ago is deleted (Kafka Streams: `lruMap`). Default: no bound. */
  readonly recordsMax?: number
  /** True: rows keep the headers that they are put with, in the changelog too (KIP-1271). Default false. */
  readonly headers?: boolean
  /** False: no changelog, so the store is empty after a restart. Default true. */
  readonly logged?: boolean
}

/**
 * Declares a key-value store in memory with a changelog `<application>-<name>-changelog`: the same spec given to two operators is one store. Throws `RIACHO_NAME`,
 * `RIACHO_OPTION`.
 */
export function keyValueStore<K, V>(name: string, options: KeyValueOptions<K, V>): StoreSpec<KeyValueStore<K, V>> {
  checkName(name, 'store')
  const { ttl, recordsMax, logged = true } = options
  for (const [what, given] of Object.entries({ ttl, recordsMax })) {
    if (given !== undefined && !(Number.isSafeInteger(given) && given > 0))
      throw new RiachoError('RIACHO_OPTION', `store '${name}': ${what} is a whole number above 0, not ${given}`)
  }
  const plain = ttl === undefined && recordsMax === undefined && options.headers !== true
  const create = (task: StoreTask): KeyValueStore<K, V> => {
    const supplied = plain ? task.supply?.(spec, task) : undefined
    if (supplied !== undefined) return supplied
    const rows = new MemoryKeyValueStore(name, options, task)
    const bounded = recordsMax === undefined ? rows : new LruStore(rows, options.key, recordsMax)
    return ttl === undefined ? bounded : new ExpiringStore(new TimedStore(bounded, rows, options.key), ttl, task)
  }
  const rows = { key: options.key as Serde<unknown>, value: options.value as Serde<unknown> }
  const spec: StoreSpec<KeyValueStore<K, V>> = Object.freeze({ name, kind: 'key-value', logged, ...(plain && { rows }), create })
  return spec
}

/** Declares a key-value store that knows its row with the least time. */
export function timedStore<K, V>(name: string, options: StoreOptions<K, V>): StoreSpec<TimedStore<K, V>> {
  checkName(name, 'store')
  const create = (task: StoreTask): TimedStore<K, V> => {
    const rows = new MemoryKeyValueStore(name, options, task)
    return new TimedStore(rows, rows, options.key)
  }
  return Object.freeze({ name, kind: 'key-value', create })
}

/** Kafka Streams: `InMemoryKeyValueStore` under a timestamped, logged store. */
class MemoryKeyValueStore<K, V> implements KeyValueStore<K, V>, Times {
  readonly name: string
  readonly #rows = new Rows<V | WithHeaders<V>>()
  readonly #undo = new UndoLog<V | WithHeaders<V>>()
  readonly #form: KeyForm<K>
  readonly #value: Serde<V>
  readonly #task: StoreTask
  readonly #headers: boolean
  /** Made at the first ordered read. */
  #sorted: SortedKeys | undefined

  constructor(name: string, options: KeyValueOptions<K, V>, task: StoreTask) {
    this.name = name
    this.#headers = options.headers ?? false
    this.#form = keyForm(options.key)
    this.#value = options.value
    this.#task = task
  }

  get size(): number {
    return this.#rows.size
  }

  get uncommitted(): number {
    return this.#undo.size
  }

  get(key: K): Row<V> | undefined {
    return this.#row(this.#form.of(key))
  }

  put(key: K, value: V | null, timestamp: number, headers: Headers = noHeaders): void {
    const canonical = this.#form.of(key)
    const raw = value === null ? null : wireOf(this.#value, value)
    const before = this.#rows.size
    if (this.#headers) {
      this.#task.log(this.#form.wire(canonical), raw, timestamp, headers)
      this.#undo.write(this.#rows, canonical, value === null ? null : new WithHeaders(value, headers), timestamp)
    } else {
      this.#task.log(this.#form.wire(canonical), raw, timestamp)
      this.#undo.write(this.#rows, canonical, value, timestamp)
    }
    if (this.#sorted === undefined || this.#rows.size === before) return
    if (value === null) this.#sorted.delete(canonical)
    else this.#sorted.add(canonical)
  }

  entries(): IterableIterator<readonly [K, Row<V>]> {
    return this.range(null, null)
  }

  reverseEntries(): IterableIterator<readonly [K, Row<V>]> {
    return this.reverseRange(null, null)
  }

  range(from: K | null, to: K | null): IterableIterator<readonly [K, Row<V>]> {
    const last = to === null ? undefined : this.#form.of(to)
    const first = from === null ? undefined : this.#form.of(from)
    return this.#seen(this.#order.forward(first, key => last === undefined || this.#form.compare(key, last) <= 0))
  }

  reverseRange(from: K | null, to: K | null): IterableIterator<readonly [K, Row<V>]> {
    const last = to === null ? undefined : this.#form.of(to)
    const first = from === null ? undefined : this.#form.of(from)
    return this.#seen(this.#order.backward(last, key => first === undefined || this.#form.compare(key, first) >= 0))
  }

  prefix(prefix: Uint8Array): IterableIterator<readonly [K, Row<V>]> {
    const from = this.#order.firstFrom(key => Buffer.compare(this.#form.bytes(key), prefix) >= 0)
    if (from === undefined) return [].values()
    const begins = (key: Canonical): boolean => Buffer.compare(this.#form.bytes(key).subarray(0, prefix.length), prefix) === 0
    return this.#seen(this.#order.forward(from, begins))
  }

  *times(): IterableIterator<readonly [Canonical, number]> {
    for (const [key, { timestamp }] of this.#rows) yield [key, timestamp]
  }

  timeOf(key: Canonical): number | undefined {
    const slot = this.#rows.slot(key)
    return slot < 0 ? undefined : this.#rows.timestamp(slot)
  }

  #row(canonical: Canonical): Row<V> | undefined {
    const row = this.#rows.get(canonical)
    if (row === undefined || !this.#headers) return row as Row<V> | undefined
    const { value, headers } = row.value as WithHeaders<V>
    return { value, timestamp: row.timestamp, headers }
  }

  get #order(): SortedKeys {
    this.#sorted ??= new SortedKeys(this.#form.compare, this.#rows.keys())
    return this.#sorted
  }

  *#seen(keys: Iterable<Canonical>): IterableIterator<readonly [K, Row<V>]> {
    for (const key of keys) {
      const row = this.#row(key)
      if (row !== undefined) yield [this.#form.back(key), row]
    }
  }

  restore(key: Uint8Array, value: Uint8Array | null, timestamp: number, headers: Headers): void {
    const canonical = this.#form.ofBytes(key)
    if (value === null) this.#rows.delete(canonical)
    else {
      const decoded = this.#value.decode(value)
      this.#rows.set(canonical, this.#headers ? new WithHeaders(decoded, headers) : decoded, timestamp, 0)
    }
    this.#sorted = undefined
  }

  committed(): void {
    this.#undo.committed()
  }

  rollback(): void {
    this.#undo.rollback()
    this.#sorted = undefined
  }

  clear(): void {
    this.#rows.clear()
    this.#sorted = undefined
    this.#undo.committed()
  }
}

/** What a row holds in a store that keeps headers. */
class WithHeaders<V> {
  readonly value: V
  readonly headers: Headers
  constructor(value: V, headers: Headers) {
    this.value = value
    this.headers = headers
  }
}
