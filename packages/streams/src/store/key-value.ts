import type { Serde } from '../contract/serde.ts'
import type { KeyValueStore, Row } from '../contract/store.ts'
import type { StoreSpec, StoreTask } from '../contract/task.ts'
import { checkName } from '../plan/node.ts'
import { type Canonical, type KeyForm, keyForm, wireOf } from './key.ts'
import { Rows } from './rows.ts'
import { SortedKeys } from './sorted-keys.ts'
import { UndoLog } from './undo.ts'

/** Serdes of a store's rows, in its changelog. */
export interface StoreOptions<K, V> {
  readonly key: Serde<K>
  readonly value: Serde<V>
}

/** Declares a key-value store in memory with a changelog `<application>-<name>-changelog`: the same spec given to two operators is one store. */
export function keyValueStore<K, V>(name: string, options: StoreOptions<K, V>): StoreSpec<KeyValueStore<K, V>> {
  checkName(name, 'store')
  return Object.freeze({ name, kind: 'key-value', create: (task: StoreTask) => new MemoryKeyValueStore(name, options, task) })
}

/** Kafka Streams: `InMemoryKeyValueStore` under a timestamped, logged store. */
class MemoryKeyValueStore<K, V> implements KeyValueStore<K, V> {
  readonly name: string
  readonly #rows = new Rows<V>()
  readonly #undo = new UndoLog<V>()
  readonly #form: KeyForm<K>
  readonly #value: Serde<V>
  readonly #task: StoreTask
  /** Made at the first ordered read. */
  #sorted: SortedKeys | undefined

  constructor(name: string, options: StoreOptions<K, V>, task: StoreTask) {
    this.name = name
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
    return this.#rows.get(this.#form.of(key))
  }

  put(key: K, value: V | null, timestamp: number): void {
    const canonical = this.#form.of(key)
    this.#task.log(this.#form.wire(canonical), value === null ? null : wireOf(this.#value, value), timestamp)
    this.#undo.write(this.#rows, canonical, value, timestamp)
    if (this.#sorted === undefined) return
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

  get #order(): SortedKeys {
    this.#sorted ??= new SortedKeys(this.#form.compare, this.#rows.keys())
    return this.#sorted
  }

  *#seen(keys: Iterable<Canonical>): IterableIterator<readonly [K, Row<V>]> {
    for (const key of keys) {
      const row = this.#rows.get(key)
      if (row !== undefined) yield [this.#form.back(key), row]
    }
  }

  restore(key: Uint8Array, value: Uint8Array | null, timestamp: number): void {
    const canonical = this.#form.ofBytes(key)
    if (value === null) this.#rows.delete(canonical)
    else this.#rows.set(canonical, this.#value.decode(value), timestamp, 0)
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
