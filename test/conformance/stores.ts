import { isWindowed } from './show.ts'

/** A row as a case writes it. */
interface StoredRow {
  readonly key: unknown
  readonly start?: number
  readonly end?: number
  readonly value: unknown
  readonly ts?: number
}

/** A row of a store of unmatched records. */
interface UnmatchedRow {
  readonly key: unknown
  readonly ts: number
  readonly side: 'left' | 'right'
  readonly value: unknown
}

/** A row of a subscription store. */
interface SubscriptionRow {
  readonly keyHex: string
}

interface Held {
  readonly value: unknown
  readonly timestamp: number
}

interface HeldSession {
  readonly start: number
  readonly end: number
  readonly value: unknown
}

type UnmatchedEntry = readonly [unknown, number, 'left' | 'right', unknown]
type SessionEntry = readonly [unknown, HeldSession]
type KeyValueEntry = readonly [unknown, Held]
type WindowEntry = readonly [unknown, number, Held]

/** The rows of a store as a case writes them; undefined when there is no such store. `size`: milliseconds of a window store's windows. */
export function rowsOf(store: unknown, size: number | undefined): readonly (StoredRow | UnmatchedRow | SubscriptionRow)[] | undefined {
  if (store === undefined) return undefined
  const rows = [...(store as { entries(): Iterable<KeyValueEntry | SessionEntry | WindowEntry | UnmatchedEntry> }).entries()]
  return rows.map(row => {
    if (row[0] instanceof Uint8Array) return { keyHex: Buffer.from(row[0]).toString('hex') }
    if (row.length === 4) return unmatchedRow(row)
    if (row.length === 3) return windowRow(row, size ?? Number.NaN)
    return isSession(row) ? sessionRow(row) : keyValueRow(row)
  })
}

const isSession = (row: KeyValueEntry | SessionEntry): row is SessionEntry => 'start' in row[1]

const plainKey = (key: unknown): unknown => (isWindowed(key) ? { key: key.key, start: key.start, end: key.end } : key)

const keyValueRow = ([key, held]: KeyValueEntry): StoredRow => ({ key: plainKey(key), value: held.value, ts: held.timestamp })

const windowRow = ([key, start, held]: WindowEntry, size: number): StoredRow => ({
  key: plainKey(key),
  start,
  end: start + size,
  value: held.value,
  ts: held.timestamp,
})

const unmatchedRow = ([key, ts, side, value]: UnmatchedEntry): UnmatchedRow => ({ key: plainKey(key), ts, side, value })

const sessionRow = ([key, { start, end, value }]: SessionEntry): StoredRow => ({ key: plainKey(key), start, end, value })

interface VersionedRows {
  entries(): Iterable<KeyValueEntry>
  asOf(key: unknown, timestamp: number): Held | undefined
}

/** What a versioned store knows of these keys as a case writes it: the latest rows, and those as of these times. Java cannot list the store. */
export function historyOf(store: unknown, probes: readonly number[], keys: readonly unknown[]): unknown {
  if (store === undefined) return undefined
  const rows = store as VersionedRows
  const asOf = keys.flatMap(key =>
    probes.flatMap(at => {
      const held = rows.asOf(key, at)
      return held === undefined ? [] : [{ key, asOf: at, value: held.value, ts: held.timestamp }]
    }),
  )
  const latest = Array.from(rows.entries(), keyValueRow).filter(({ key }) => keys.includes(key))
  return { latest, probes, asOf }
}
