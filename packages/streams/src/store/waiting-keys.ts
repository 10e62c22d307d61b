import type { Windowed } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import { type Canonical, type KeyForm, keyForm } from './key.ts'

/** Something that has a key and may stand beside others. */
export interface Keyed {
  readonly key: unknown
  /** Another one with the same inner key and end, and another start. */
  beside?: this | undefined
}

/**
 * Things by key. Windowed keys nest end → inner key, and the few sessions of a key that end together stand beside each other, so that no record builds one key of
 * both.
 */
export class WaitingKeys<T extends Keyed> {
  readonly #ends = new Map<number, Map<Canonical, T>>()
  readonly #form: KeyForm<unknown>
  readonly #windowed: boolean
  size = 0

  /** A serde of windowed keys says that of the `inner` ones. */
  constructor(serde: Serde<unknown> & { readonly inner?: Serde<unknown> }) {
    this.#windowed = serde.inner !== undefined
    this.#form = keyForm(serde.inner ?? serde)
  }

  get(key: unknown): T | undefined {
    let found = this.#ends.get(this.#endOf(key))?.get(this.#innerOf(key))
    while (found !== undefined && !this.#same(found.key, key)) found = found.beside
    return found
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
    item.beside = group.get(inner)
    group.set(inner, item)
    this.size++
  }

  /** Removes it, if it is there itself. */
  delete(item: T): void {
    const end = this.#endOf(item.key)
    const group = this.#ends.get(end)
    const inner = this.#innerOf(item.key)
    let before: T | undefined
    let at = group?.get(inner)
    while (at !== undefined && at !== item) {
      before = at
      at = at.beside
    }
    if (at === undefined) return
    this.size--
    if (before !== undefined) before.beside = item.beside
    else if (item.beside !== undefined) group!.set(inner, item.beside)
    else group!.delete(inner)
    item.beside = undefined
    if (group!.size === 0) this.#ends.delete(end)
  }

  clear(): void {
    this.#ends.clear()
    this.size = 0
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (const group of this.#ends.values()) {
      for (const first of group.values()) for (let item: T | undefined = first; item !== undefined; item = item.beside) yield item
    }
  }

  #endOf(key: unknown): number {
    return this.#windowed ? (key as Windowed<unknown>).end : 0
  }

  #innerOf(key: unknown): Canonical {
    return this.#form.of(this.#windowed ? (key as Windowed<unknown>).key : key)
  }

  #same(a: unknown, b: unknown): boolean {
    return !this.#windowed || (a as Windowed<unknown>).start === (b as Windowed<unknown>).start
  }
}
