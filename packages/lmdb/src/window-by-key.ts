import type { Row } from '@riacho/streams/engine'
import { KeyWriter, lastIn, numberBytes, numberIn, treeEnd, treeStart } from './keys.ts'
import { DiskRows } from './rows.ts'
import type { AgingStoreParts } from './store-parts.ts'
import type { WindowLayout } from './window-layout.ts'

const tree = 1
/** Of all starts and their keys. */
const index = 2
/** Where the start stands in a key of the index, and where the key of the user. */
const startAt = 1
const keyAt = startAt + numberBytes

/** Rows at key and start, and an index by start and key: for as many starts as there are records. */
export class WindowsByKey<V> implements WindowLayout<V> {
  readonly #rows: DiskRows<V>
  readonly #writer = new KeyWriter()

  /** `expired`: the latest start that nobody sees any more. */
  constructor({ file, value, memoryBytesMax }: AgingStoreParts<unknown, V>, expired: () => number) {
    const over = () => {
      const until = this.#indexed('', expired() + 1)
      const last = until.slice(startAt)
      const includes = (key: string): boolean => (key < treeStart(index) ? key.slice(-numberBytes) : key.slice(startAt, keyAt)) < last
      return { from: treeStart(index), until, includes, rowOf: (key: string) => this.#at(lastIn(key, keyAt), numberIn(key, startAt)) }
    }
    this.#rows = new DiskRows(file, { value, timed: true, memoryBytesMax, over })
  }

  get size(): number {
    return this.#rows.size / 2
  }

  get uncommitted(): number {
    return this.#rows.uncommitted / 2
  }

  get(key: string | Uint8Array, start: number): Row<V> | undefined {
    return this.#rows.get(this.#at(key, start))
  }

  write(key: string | Uint8Array, start: number, value: V | null, timestamp: number, bytes: number): void {
    this.#rows.write(this.#at(key, start), value, timestamp, bytes)
    this.#rows.mark(this.#indexed(key, start), value !== null)
  }

  restore(key: string | Uint8Array, start: number, value: V | null, timestamp: number, bytes: number): void {
    this.#rows.restore(this.#at(key, start), value, timestamp, bytes)
    this.#rows.restoreMark(this.#indexed(key, start), value !== null)
  }

  *ofKey(key: string | Uint8Array, from: number, to: number, backward: boolean): IterableIterator<readonly [number, Row<V>]> {
    for (const [at, row] of this.#rows.walk(this.#at(key, from), this.#at(key, to + 1), backward))
      yield [numberIn(at, at.length - numberBytes), row]
  }

  *ofAll(from: number, to: number, backward: boolean): IterableIterator<readonly [Buffer, number, Row<V>]> {
    const until = to === Number.POSITIVE_INFINITY ? treeEnd(index) : this.#indexed('', to + 1)
    for (const at of this.#rows.marks(this.#indexed('', from), until, backward)) {
      const key = lastIn(at, keyAt)
      const start = numberIn(at, startAt)
      const row = this.get(key, start)
      if (row !== undefined) yield [key, start, row]
    }
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
    return this.#writer.begin(tree, key.length).inner(key).number(start).done()
  }

  #indexed(key: string | Uint8Array, start: number): string {
    return this.#writer.begin(index, key.length).number(start).last(key).done()
  }
}
