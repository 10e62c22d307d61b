import type { Serde } from '../contract/serde.ts'
import type { KeyValueStore, Row } from '../contract/store.ts'
import type { StoreSpec, StoreTask } from '../contract/task.ts'
import { checkName } from '../plan/node.ts'
import { inByteOrder, type KeyForm, keyForm, wireOf } from './key.ts'
import { Rows } from './rows.ts'
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
  }

  *entries(): IterableIterator<readonly [K, Row<V>]> {
    for (const [canonical, row] of inByteOrder(this.#form, this.#rows)) yield [this.#form.back(canonical), row]
  }

  restore(key: Uint8Array, value: Uint8Array | null, timestamp: number): void {
    const canonical = this.#form.ofBytes(key)
    if (value === null) this.#rows.delete(canonical)
    else this.#rows.set(canonical, this.#value.decode(value), timestamp, 0)
  }

  committed(): void {
    this.#undo.committed()
  }

  rollback(): void {
    this.#undo.rollback()
  }

  clear(): void {
    this.#rows.clear()
    this.#undo.committed()
  }
}
