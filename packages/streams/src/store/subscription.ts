import type { Headers } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { Store } from '../contract/store.ts'
import type { StoreSpec, StoreTask } from '../contract/task.ts'
import { checkName } from '../plan/node.ts'
import { CombinedKey, instruction, type Subscription, subscriptionSerde } from '../wire/foreign-key.ts'
import { type Canonical, type KeyForm, keyForm } from './key.ts'

/** What is kept of a subscription beside its keys. */
export type Subscriber = Pick<Subscription<unknown>, 'hash' | 'partition'>

/** Who wants to know of the row of a foreign key (Kafka Streams: the store of `SubscriptionReceiveProcessorSupplier`). */
export interface SubscriptionStore<FK, K> extends Store {
  /** Keeps a subscription or forgets it, as its instruction says. Logs it with the headers. */
  put(foreign: FK, subscription: Subscription<K>, timestamp: number, headers: Headers): void
  /** Shows the subscribers of a foreign key, in unsigned byte order of their serialized keys. */
  forEach(foreign: FK, show: (key: K, subscriber: Subscriber) => void): void
  /** All, by the bytes under which they are logged, in unsigned byte order. */
  entries(): IterableIterator<readonly [Uint8Array, Subscriber]>
  readonly size: number
}

/** Declares a store of subscriptions in memory with a changelog. `key` is the serde of the rows that subscribe. */
export function subscriptionStore<FK, K>(
  name: string,
  serdes: { readonly foreign: Serde<FK>; readonly key: Serde<K> },
): StoreSpec<SubscriptionStore<FK, K>> {
  checkName(name, 'store')
  return Object.freeze({ name, kind: 'key-value', create: (task: StoreTask) => new MemorySubscriptionStore(name, serdes, task) })
}

/** Nests foreign key → row's key, so that the subscribers of a foreign key are found without looking at others. */
class MemorySubscriptionStore<FK, K> implements SubscriptionStore<FK, K> {
  readonly name: string
  size = 0
  uncommitted = 0
  readonly #subscribers = new Map<Canonical, Map<Canonical, Subscriber>>()
  readonly #foreign: KeyForm<FK>
  readonly #key: KeyForm<K>
  readonly #value: Serde<Subscription<K>>
  readonly #task: StoreTask
  readonly #combined = new CombinedKey()
  /** What an abort puts back, one array a field: they stay and are filled again. */
  readonly #undo = { foreign: [] as Canonical[], key: [] as Canonical[], before: [] as (Subscriber | undefined)[] }

  constructor(name: string, serdes: { readonly foreign: Serde<FK>; readonly key: Serde<K> }, task: StoreTask) {
    this.name = name
    this.#foreign = keyForm(serdes.foreign)
    this.#key = keyForm(serdes.key)
    this.#value = subscriptionSerde(serdes.key)
    this.#task = task
  }

  put(foreign: FK, subscription: Subscription<K>, timestamp: number, headers: Headers): void {
    const { hash, partition } = subscription
    const gone = subscription.instruction === instruction.delete || subscription.instruction === instruction.deleteAndAnswer
    const group = this.#foreign.of(foreign)
    const key = this.#key.of(subscription.key)
    const combined = this.#combined.of(this.#foreign.wire(group), this.#key.wire(key))
    this.#task.log(combined, gone ? null : this.#value.encode(subscription), timestamp, headers)
    const at = this.uncommitted++
    this.#undo.foreign[at] = group
    this.#undo.key[at] = key
    this.#undo.before[at] = this.#set(group, key, gone ? undefined : { hash, partition })
  }

  forEach(foreign: FK, show: (key: K, subscriber: Subscriber) => void): void {
    const found = this.#subscribers.get(this.#foreign.of(foreign))
    if (found === undefined) return
    for (const key of [...found.keys()].sort(this.#key.compare)) show(this.#key.back(key), found.get(key)!)
  }

  *entries(): IterableIterator<readonly [Uint8Array, Subscriber]> {
    const rows = [...this.#subscribers].flatMap(([foreign, found]) =>
      Array.from(found, ([key, subscriber]) => {
        const combined = this.#combined.of(this.#foreign.wire(foreign), this.#key.wire(key))
        return [Buffer.from(combined), subscriber] as const
      }),
    )
    yield* rows.sort((a, b) => Buffer.compare(a[0], b[0]))
  }

  restore(key: Uint8Array, value: Uint8Array | null): void {
    const middle = CombinedKey.split(key)
    const subscription = value === null ? undefined : this.#value.decode(value)
    this.#set(
      this.#foreign.ofBytes(key.subarray(4, middle)),
      this.#key.ofBytes(key.subarray(middle)),
      subscription && { hash: subscription.hash, partition: subscription.partition },
    )
  }

  committed(): void {
    this.#undo.before.fill(undefined, 0, this.uncommitted)
    this.uncommitted = 0
  }

  rollback(): void {
    const { foreign, key, before } = this.#undo
    for (let i = this.uncommitted - 1; i >= 0; i--) this.#set(foreign[i]!, key[i]!, before[i])
    this.committed()
  }

  clear(): void {
    this.#subscribers.clear()
    this.size = 0
    this.committed()
  }

  /** Writes or, without a subscriber, deletes. Returns what was there. */
  #set(foreign: Canonical, key: Canonical, subscriber: Subscriber | undefined): Subscriber | undefined {
    const found = this.#subscribers.get(foreign)
    const before = found?.get(key)
    if (subscriber === undefined) {
      if (before === undefined) return undefined
      this.size--
      found!.delete(key)
      if (found!.size === 0) this.#subscribers.delete(foreign)
      return before
    }
    if (before === undefined) this.size++
    if (found !== undefined) found.set(key, subscriber)
    else this.#subscribers.set(foreign, new Map([[key, subscriber]]))
    return before
  }
}
