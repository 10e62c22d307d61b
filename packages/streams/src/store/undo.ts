import type { Canonical } from './key.ts'

/** A row in memory, changed in place. `epoch` is the commit period in which it was last written. */
export interface LiveRow<V> {
  value: V
  timestamp: number
  epoch: number
}

/** Rows by what stands for their key. */
export type Rows<V> = Map<Canonical, LiveRow<V>>

/**
 * Earlier values of the rows written since the last commit, so that an abort can put them back without reading the changelog. A row is remembered once per
 * commit period: at its first write in it.
 */
export class UndoLog<V> {
  epoch = 1
  /** Entries of this period. The arrays, one a field, stay and are filled again: writing a million rows leaves no million objects behind. */
  size = 0
  readonly #rows: (Rows<V> | undefined)[] = []
  readonly #keys: Canonical[] = []
  readonly #values: (V | undefined)[] = []
  readonly #timestamps: number[] = []
  readonly #epochs: number[] = []

  /** Before `row` of `rows` is first changed in this period; undefined when it did not exist. */
  remember(rows: Rows<V>, key: Canonical, row: LiveRow<V> | undefined): void {
    const at = this.size++
    this.#rows[at] = rows
    this.#keys[at] = key
    this.#values[at] = row?.value
    this.#timestamps[at] = row === undefined ? 0 : row.timestamp
    this.#epochs[at] = row === undefined ? 0 : row.epoch
  }

  committed(): void {
    this.#forget()
  }

  rollback(): void {
    for (let i = this.size - 1; i >= 0; i--) {
      const rows = this.#rows[i]!
      const key = this.#keys[i]!
      const value = this.#values[i]
      if (value === undefined) rows.delete(key)
      else rows.set(key, { value, timestamp: this.#timestamps[i]!, epoch: this.#epochs[i]! })
    }
    this.#forget()
  }

  /** Lets go of rows and values, which may be large; the keys are small and are written over. */
  #forget(): void {
    this.#rows.fill(undefined, 0, this.size)
    this.#values.fill(undefined, 0, this.size)
    this.size = 0
    this.epoch++
  }

  /** Writes or deletes one row, remembering what was there. */
  write(rows: Rows<V>, key: Canonical, value: V | null, timestamp: number): void {
    const row = rows.get(key)
    if (row === undefined) {
      if (value === null) return
      this.remember(rows, key, undefined)
      rows.set(key, { value, timestamp, epoch: this.epoch })
      return
    }
    if (row.epoch !== this.epoch) this.remember(rows, key, row)
    if (value === null) {
      rows.delete(key)
      return
    }
    row.value = value
    row.timestamp = timestamp
    row.epoch = this.epoch
  }
}
