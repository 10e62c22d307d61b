import type { Canonical } from './key.ts'
import type { Rows } from './rows.ts'

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

  #remember(rows: Rows<V>, key: Canonical, slot: number): void {
    const at = this.size++
    this.#rows[at] = rows
    this.#keys[at] = key
    this.#values[at] = slot < 0 ? undefined : rows.value(slot)
    this.#timestamps[at] = slot < 0 ? 0 : rows.timestamp(slot)
    this.#epochs[at] = slot < 0 ? 0 : rows.epoch(slot)
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
      else rows.set(key, value, this.#timestamps[i]!, this.#epochs[i]!)
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
    const slot = rows.slot(key)
    if (slot < 0) {
      if (value === null) return
      this.#remember(rows, key, -1)
      rows.set(key, value, timestamp, this.epoch)
      return
    }
    if (rows.epoch(slot) !== this.epoch) this.#remember(rows, key, slot)
    if (value === null) rows.delete(key)
    else rows.write(slot, value, timestamp, this.epoch)
  }
}
