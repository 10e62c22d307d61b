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
  #entries: { rows: Rows<V>; key: Canonical; value: V | undefined; timestamp: number; epoch: number }[] = []

  get size(): number {
    return this.#entries.length
  }

  /** Before `row` of `rows` is first changed in this period; undefined when it did not exist. */
  remember(rows: Rows<V>, key: Canonical, row: LiveRow<V> | undefined): void {
    this.#entries.push({ rows, key, value: row?.value, timestamp: row?.timestamp ?? 0, epoch: row?.epoch ?? 0 })
  }

  committed(): void {
    this.#entries = []
    this.epoch++
  }

  rollback(): void {
    for (let entry = this.#entries.pop(); entry !== undefined; entry = this.#entries.pop()) {
      const { rows, key, value, timestamp, epoch } = entry
      if (value === undefined) rows.delete(key)
      else rows.set(key, { value, timestamp, epoch })
    }
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
