import { isWindowed } from './show.ts'

/** A row as a case writes it. */
interface StoredRow {
  readonly key: unknown
  readonly start?: number
  readonly end?: number
  readonly value: unknown
  readonly ts: number
}

interface Held {
  readonly value: unknown
  readonly timestamp: number
}

type KeyValueEntry = readonly [unknown, Held]
type WindowEntry = readonly [unknown, number, Held]

/** The rows of a store as a case writes them; undefined when there is no such store. `size`: milliseconds of a window store's windows. */
export function rowsOf(store: unknown, size: number | undefined): readonly StoredRow[] | undefined {
  if (store === undefined) return undefined
  const rows = [...(store as { entries(): Iterable<KeyValueEntry | WindowEntry> }).entries()]
  return rows.map(row => (row.length === 2 ? keyValueRow(row) : windowRow(row, size ?? Number.NaN)))
}

const plainKey = (key: unknown): unknown => (isWindowed(key) ? { key: key.key, start: key.start, end: key.end } : key)

const keyValueRow = ([key, held]: KeyValueEntry): StoredRow => ({ key: plainKey(key), value: held.value, ts: held.timestamp })

const windowRow = ([key, start, held]: WindowEntry, size: number): StoredRow => ({
  key: plainKey(key),
  start,
  end: start + size,
  value: held.value,
  ts: held.timestamp,
})
