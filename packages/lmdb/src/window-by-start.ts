import type { Row } from '@riacho/streams/engine'
import { KeyWriter, lastIn, numberBytes, numberIn, treeEnd, treeStart } from './keys.ts'
import { DiskRows } from './rows.ts'
import type { AgingStoreParts } from './store-parts.ts'
import type { WindowLayout } from './window-layout.ts'

const tree = 1
/** Where the start stands in a key, and where the key of the user. */
const startAt = 1
const keyAt = startAt + numberBytes

/** Rows at start and key: for many keys that share few starts. */
export class WindowsByStart<V> implements WindowLayout<V> {
  readonly #rows: DiskRows<V>
  readonly #writer = new KeyWriter()
  /** The text that was used last as a key, its start, and where they lie: a write follows its read. */
  #last: string | undefined
  #lastStart = 0
  #lastAt = ''

  /** `expired`: the latest start that nobody sees any more. */
  constructor({ file, value, memoryBytesMax }: AgingStoreParts<unknown, V>, expired: () => number) {
    const over = () => {
      const until = this.#from(expired() + 1)
      return { from: treeStart(tree), until, includes: (key: string) => key < until }
    }
    this.#rows = new DiskRows(file, { value, timed: true, memoryBytesMax, over })
  }

  get size(): number {
    return this.#rows.size
  }

  get uncommitted(): number {
    return this.#rows.uncommitted
  }

  get(key: string | Uint8Array, start: number): Row<V> | undefined {
    return this.#rows.get(this.#at(key, start))
  }

  write(key: string | Uint8Array, start: number, value: V | null, timestamp: number, bytes: number): void {
    this.#rows.write(this.#at(key, start), value, timestamp, bytes)
  }

  restore(key: string | Uint8Array, start: number, value: V | null, timestamp: number, bytes: number): void {
    this.#rows.restore(this.#at(key, start), value, timestamp, bytes)
  }

  /** Goes from start to start, and looks for the key at each. */
  *ofKey(key: string | Uint8Array, from: number, to: number, backward: boolean): IterableIterator<readonly [number, Row<V>]> {
    let start = this.#nextStart(from, to, backward)
    while (start !== undefined) {
      const row = this.get(key, start)
      if (row !== undefined) yield [start, row]
      start = backward ? this.#nextStart(from, start - 1, backward) : this.#nextStart(start + 1, to, backward)
    }
  }

  *ofAll(from: number, to: number, backward: boolean): IterableIterator<readonly [Buffer, number, Row<V>]> {
    for (const [key, row] of this.#rows.walk(this.#from(from), this.#from(to + 1), backward))
      yield [lastIn(key, keyAt), numberIn(key, startAt), row]
  }

  committed(): void {
    this.#rows.committed()
  }

  rollback(): void {
    this.#rows.rollback()
  }

  clear(): void {
    this.#rows.clear()
  }

  close(): void {
    this.#rows.close()
  }

  #at(key: string | Uint8Array, start: number): string {
    if (key === this.#last && start === this.#lastStart) return this.#lastAt
    const at = this.#writer.begin(tree, key.length).number(start).last(key).done()
    if (typeof key !== 'string') return at
    this.#last = key
    this.#lastStart = start
    this.#lastAt = at
    return at
  }

  /** Before all keys with this start or a later one. */
  #from(start: number): string {
    return start === Number.POSITIVE_INFINITY ? treeEnd(tree) : this.#writer.begin(tree, 0).number(start).done()
  }

  /** The first start, or the last one, at which there are rows. */
  #nextStart(from: number, to: number, backward: boolean): number | undefined {
    for (const [key] of this.#rows.walk(this.#from(from), this.#from(to + 1), backward)) return numberIn(key, startAt)
    return undefined
  }
}
