import type { Row } from '../contract/store.ts'
import type { Canonical } from './key.ts'
import { Rows } from './rows.ts'
import { UndoLog } from './undo.ts'
import type { WindowLayout } from './window-layout.ts'

/** Rows that nest start → key, so that a million keys share one start and expiry drops one Map. */
export class RowsByStart<V> implements WindowLayout<V> {
  readonly #windows = new Map<number, Rows<V>>()
  /** Starts that have rows, ascending. */
  #starts: number[] = []
  readonly #undo = new UndoLog<V>()
  /** The window that was used last: records of one window come together. */
  #lastStart = -1
  #lastRows: Rows<V> | undefined

  get size(): number {
    let size = 0
    for (const rows of this.#windows.values()) size += rows.size
    return size
  }

  get uncommitted(): number {
    return this.#undo.size
  }

  get(key: Canonical, start: number): Row<V> | undefined {
    return this.#window(start)?.get(key)
  }

  write(key: Canonical, start: number, value: V | null, timestamp: number): void {
    this.#undo.write(this.#rowsOf(start), key, value, timestamp)
  }

  restore(key: Canonical, start: number, value: V | null, timestamp: number): void {
    if (value === null) this.#windows.get(start)?.delete(key)
    else this.#rowsOf(start).set(key, value, timestamp, 0)
  }

  first(from: number, to: number, key?: Canonical): number | undefined {
    for (let at = this.#place(from); at < this.#starts.length && this.#starts[at]! <= to; at++)
      if (this.#has(this.#starts[at]!, key)) return this.#starts[at]
    return undefined
  }

  last(from: number, to: number, key?: Canonical): number | undefined {
    for (let at = this.#place(to + 1) - 1; at >= 0 && this.#starts[at]! >= from; at--)
      if (this.#has(this.#starts[at]!, key)) return this.#starts[at]
    return undefined
  }

  keysAt(start: number): Canonical[] {
    return [...(this.#windows.get(start)?.keys() ?? [])]
  }

  committed(): void {
    this.#undo.committed()
  }

  rollback(): void {
    this.#undo.rollback()
  }

  expire(limit: number): void {
    this.#lastStart = -1
    let expired = 0
    while (expired < this.#starts.length && this.#starts[expired]! <= limit) this.#windows.delete(this.#starts[expired++]!)
    if (expired > 0) this.#starts = this.#starts.slice(expired)
  }

  clear(): void {
    this.#windows.clear()
    this.#lastStart = -1
    this.#starts = []
    this.#undo.committed()
  }

  #has(start: number, key: Canonical | undefined): boolean {
    const rows = this.#windows.get(start)!
    return key === undefined ? rows.size > 0 : rows.slot(key) >= 0
  }

  #window(start: number): Rows<V> | undefined {
    if (start === this.#lastStart) return this.#lastRows
    const rows = this.#windows.get(start)
    if (rows !== undefined) {
      this.#lastStart = start
      this.#lastRows = rows
    }
    return rows
  }

  #rowsOf(start: number): Rows<V> {
    const found = this.#window(start)
    if (found !== undefined) return found
    const rows = new Rows<V>()
    this.#windows.set(start, rows)
    this.#lastRows = undefined
    this.#lastStart = -1
    this.#starts.splice(this.#place(start), 0, start)
    return rows
  }

  /** How many starts lie before a time. */
  #place(time: number): number {
    let low = 0
    let high = this.#starts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#starts[middle]! < time) low = middle + 1
      else high = middle
    }
    return low
  }
}
