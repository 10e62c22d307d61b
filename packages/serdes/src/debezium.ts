import { json, type Serde } from '@riacho/streams'
import { payloadOf } from './connect-json.ts'
import { failure } from './errors.ts'

/** One change of a row, as Debezium tells it. The tombstone that follows a deletion has no value and reaches no serde. */
export interface DebeziumChange<Row> {
  /** Created, updated, deleted, read by a snapshot, or the whole table emptied. */
  readonly op: 'c' | 'u' | 'd' | 'r' | 't'
  /** Null for a row that was not there, or when the database does not tell. */
  readonly before: Row | null
  /** Null for a row that is gone. */
  readonly after: Row | null
  /** Where it comes from, such as `{ db, table, lsn, ts_ms }`. */
  readonly source: Readonly<Record<string, unknown>>
  /** When the connector saw it. */
  readonly ts_ms: number | null
  readonly transaction?: unknown
}

const documents = json<unknown>()
const operations = new Set(['c', 'u', 'd', 'r', 't'])

/**
 * Debezium's change events as `JsonConverter` writes them, with or without schemas. It reads only. Of Avro take `avro<DebeziumChange<Row>>`. Throws
 * `RIACHO_CONNECT_JSON`.
 *
 * @example
 * topic('shop.public.orders', { key: json<{ id: number }>(), value: debezium<Order>() }).pipe(mapValues(change => change.after))
 */
export function debezium<Row>(): Serde<DebeziumChange<Row>> {
  return Object.freeze({
    encode: () => {
      throw failure('RIACHO_CONNECT_JSON', 'changes are written by Debezium: write the row with another serde')
    },
    decode: (bytes: Uint8Array) => changeOf<Row>(documents.decode(bytes)),
    decodeAt: (frame: Buffer, start: number, end: number) => changeOf<Row>(documents.decodeAt!(frame, start, end)),
  })
}

function changeOf<Row>(document: unknown): DebeziumChange<Row> {
  const hasSchema = typeof document === 'object' && document !== null && 'schema' in document && 'payload' in document
  const change = (hasSchema ? payloadOf(document) : document) as Partial<DebeziumChange<Row>> | null
  if (typeof change !== 'object' || change === null || !operations.has(change.op as string))
    throw failure('RIACHO_CONNECT_JSON', 'this is no change event of Debezium: it has no op of c, u, d, r or t')
  const { op, before = null, after = null, source = {}, ts_ms = null } = change
  if (op !== 'd' && op !== 't' && after === null) throw failure('RIACHO_CONNECT_JSON', `a change '${op}' has no row after it`)
  return { ...change, op: op!, before, after, source, ts_ms }
}
