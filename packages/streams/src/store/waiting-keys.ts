import type { Windowed } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import { type Canonical, type KeyForm, keyForm } from './key.ts'

/** Something that has a key. */
export interface Keyed {
  readonly key: unknown
}

/**
 * Things by key. Windowed keys nest end → inner key → start, so that no record builds one key of all; where only one session of a key ends, it needs no map of starts.
 */
export class WaitingKeys<T extends Keyed> {
  readonly #ends = new Map<number, Map<Canonical, T | Map<number, T>>>()
  readonly #form: KeyForm<unknown>
  readonly #windowed: boolean
  size = 0

  /** A serde of windowed keys says that of the `inner` ones. */
  constructor(serde: Serde<unknown> & { readonly inner?: Serde<unknown> }) {
    this.#windowed = serde.inner !== undefined
    this.#form = keyForm(serde.inner ?? serde)
  }

  get(key: unknown): T | undefined {
    const found = this.#ends.get(this.#endOf(key))?.get(this.#innerOf(key))
    if (found instanceof Map) return found.get(startOf(key))
    return found === undefined || this.#same(found.key, key) ? found : undefined
  }

  /** Adds what is not there. */
  add(item: T): void {
    const end = this.#endOf(item.key)
    let group = this.#ends.get(end)
    if (group === undefined) {
      group = new Map()
      this.#ends.set(end, group)
    }
    const inner = this.#innerOf(item.key)
    const found = group.get(inner)
    if (found === undefined) group.set(inner, item)
    else if (found instanceof Map) found.set(startOf(item.key), item)
    else group.set(inner, new Map([found, item].map(each => [startOf(each.key), each])))
    this.size++
  }

  /** Removes it, if it is there itself. */
  delete(item: T): void {
    const end = this.#endOf(item.key)
    const group = this.#ends.get(end)
    const inner = this.#innerOf(item.key)
    const found = group?.get(inner)
    if (found instanceof Map) {
      const start = startOf(item.key)
      if (found.get(start) !== item) return
      found.delete(start)
      if (found.size === 0) group!.delete(inner)
    } else if (found === item) group!.delete(inner)
    else return
    this.size--
    if (group!.size === 0) this.#ends.delete(end)
  }

  clear(): void {
    this.#ends.clear()
    this.size = 0
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (const group of this.#ends.values()) {
      for (const found of group.values()) {
        if (found instanceof Map) yield* found.values()
        else yield found
      }
    }
  }

  #endOf(key: unknown): number {
    return this.#windowed ? (key as Windowed<unknown>).end : 0
  }

  #innerOf(key: unknown): Canonical {
    return this.#form.of(this.#windowed ? (key as Windowed<unknown>).key : key)
  }

  #same(a: unknown, b: unknown): boolean {
    return !this.#windowed || startOf(a) === startOf(b)
  }
}

const startOf = (key: unknown): number => (key as Windowed<unknown>).start
