/** Header list of a record, in order, as Kafka keeps it: names may repeat, a value may be null. */
export type Headers = readonly (readonly [name: string, value: Uint8Array | null])[]

/** The header list of a record without headers: shared, so that no record allocates one. */
export const noHeaders: Headers = Object.freeze([])

/** One keyed, timestamped message. `timestamp` is epoch milliseconds. `previous?: never` keeps a table's {@link Change} from passing as a plain record. */
export interface StreamRecord<K, V> {
  readonly key: K
  readonly value: V
  readonly timestamp: number
  readonly headers: Headers
  readonly previous?: never
}

/**
 * One update of a table (Kafka Streams: `Change`). `value` null deletes the row. `previous` is the row before, null when there was none,
 * and undefined when nobody downstream asked for old values. `latest` is false only for an out-of-order update of a versioned table.
 */
export interface Change<K, V> {
  readonly key: K
  readonly value: V | null
  readonly previous: V | null | undefined
  readonly timestamp: number
  readonly headers: Headers
  readonly latest: boolean
}

/** A key inside a window [start, end), epoch milliseconds (Kafka Streams: `Windowed`). */
export interface Windowed<K> {
  readonly key: K
  readonly start: number
  readonly end: number
}

declare const delta: unique symbol
/** A table grouped by a new key: only `count`, `reduce` and `aggregate` with a subtractor accept it. */
export interface Delta<K, V> {
  readonly [delta]: [K, V]
}
