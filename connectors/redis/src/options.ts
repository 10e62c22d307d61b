import type { Serde, StreamRecord } from '@riacho/streams'
import { optionError } from './errors.ts'

/** Where a Redis (7 or later) or Valkey is, and who we are. */
export interface RedisServer {
  /** `redis[s]://[[user][:password]@][host][:port][/database]`. Default `redis://localhost:6379`. */
  readonly url?: string
  /** Of the connection to a `rediss:` address, beside what Node takes for granted. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly servername?: string }
  /** Milliseconds after which a server that says nothing is away. Default 10,000. */
  readonly requestTimeout?: number
}

/** What `redisCache` takes. */
export interface RedisCacheOptions<K, V> extends RedisServer {
  /** Stands before every key: `event:`. */
  readonly prefix: string
  /** What stands behind the prefix. Default: the record's key, as text. */
  readonly keyOf?: (key: K) => string
  /** What field `value` of a row holds. Called once per try of a record; what it throws makes the record a poison one. Default: the value as JSON. */
  readonly value?: (value: V, record: StreamRecord<K, V>) => string | Uint8Array
  /**
   * What tells which of two records of a row is the newer one; the older never overwrites it. 'position' (default): that with the later offset; all records must be of one topic.
   * 'timestamp': that with the later time; of two with the same the one that is written last. Or a function that gives whole numbers, with a null value for a deletion.
   */
  readonly version?: 'position' | 'timestamp' | ((value: V | null, record: StreamRecord<K, V | null>) => number)
  /** Milliseconds that a row lives, from its record's timestamp on, so that a replay makes none live longer. Default: for ever. */
  readonly ttl?: number
  /** Milliseconds for which a deletion is remembered; until then an older record does not bring the row back. Default one day. */
  readonly deletedTtl?: number
  /** Default: `redis-` and the prefix. */
  readonly name?: string
}

/** What `redisStream` takes. */
export interface RedisStreamOptions<K, V> extends RedisServer {
  /** The key of the stream. */
  readonly stream: string
  /** What field `value` of an entry holds. Called once per try of a record; what it throws makes the record a poison one. Default: the value as JSON. */
  readonly value?: (value: V, record: StreamRecord<K, V>) => string | Uint8Array
  /** More fields of an entry, beside `key` and `value`. */
  readonly fields?: (value: V, record: StreamRecord<K, V>) => Readonly<Record<string, string>>
  /** Old entries are dropped beyond so many, read or not; Redis drops whole blocks, so somewhat more may stay. Default: none is. */
  readonly lengthMax?: number
  /** What tells a record from all others. Default: the position that led to it. */
  readonly id?: (value: V, record: StreamRecord<K, V>) => string
  /** Ids that are remembered, and up to as many more, in `{stream}:ids` and `{stream}:ids:earlier`: what is written again before so many others is there once. 0: none, and what is written again is there twice. Default 100,000. */
  readonly idsMax?: number
  /** Default: `redis-` and the stream. */
  readonly name?: string
}

/** What `redisSource` takes. */
export interface RedisSourceOptions<V> extends RedisServer {
  /** The key of the stream. */
  readonly stream: string
  /** The consumer group, made when it is missing: who reads in one group shares the entries. */
  readonly group: string
  readonly value: Serde<V>
  /** The fields that hold key and value; all others are headers. Default `key` and `value`. */
  readonly keyField?: string
  readonly valueField?: string
  /** Milliseconds without a sign of life after which the entries of a reader are another's. Default 30,000. */
  readonly claimAfter?: number
  /** Milliseconds that one request waits for an entry. Default 2,000. */
  readonly wait?: number
  /** Entries received and not yet covered by a commit; beyond it nothing is read. Default 10,000. */
  readonly pendingMax?: number
  /** Partitions: so many tasks read the stream side by side. Default 1. */
  readonly partitions?: number
  /** Default: `redis-` and the stream. */
  readonly name?: string
}

const whole = (what: string, value: number | undefined, least: number, most: number): void => {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) return
  throw optionError(`${what} is ${value}: give a whole number from ${least} to ${most}`)
}

const text = (what: string, value: string): void => {
  if (value === '') throw optionError(`${what} is empty: give a name`)
}

const century = 3_155_760_000_000

const checkServer = ({ url, requestTimeout }: RedisServer): void => {
  if (url !== undefined && !/^rediss?:\/\//.test(url))
    throw optionError('url is no address of Redis: give redis://host:port, or rediss:// with TLS')
  whole('requestTimeout', requestTimeout, 1, 600_000)
}

/** Checks the options of a cache. Throws `RIACHO_REDIS_OPTION`. */
export const checkCache = <K, V>(options: RedisCacheOptions<K, V>): void => {
  checkServer(options)
  text('prefix', options.prefix)
  whole('ttl', options.ttl, 1, century)
  whole('deletedTtl', options.deletedTtl, 1, century)
}

/** Checks the options of a stream that is written. Throws `RIACHO_REDIS_OPTION`. */
export const checkStream = <K, V>(options: RedisStreamOptions<K, V>): void => {
  checkServer(options)
  text('stream', options.stream)
  whole('lengthMax', options.lengthMax, 1, Number.MAX_SAFE_INTEGER)
  whole('idsMax', options.idsMax, 0, 100_000_000)
}

/** Checks the options of a source. Throws `RIACHO_REDIS_OPTION`. */
export const checkSource = <V>(options: RedisSourceOptions<V>): void => {
  checkServer(options)
  text('stream', options.stream)
  text('group', options.group)
  whole('claimAfter', options.claimAfter, 100, 86_400_000)
  whole('wait', options.wait, 1, (options.requestTimeout ?? 10_000) - 1)
  whole('pendingMax', options.pendingMax, 1, 100_000)
  whole('partitions', options.partitions, 1, 1000)
}
