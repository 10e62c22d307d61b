import type { OffsetReset, OnError, SourceFacts } from '../contract/node.ts'
import type { StreamRecord } from '../contract/record.ts'
import type { Serde, Serdes } from '../contract/serde.ts'
import { RiachoError } from '../errors.ts'
import { deadLettersOf } from '../plan/failure.ts'
import { makeNode } from '../plan/node.ts'
import { type KStream, Stream } from '../stream.ts'

/** How a topic is read. */
export interface TopicOptions<K, V> extends Serdes<K, V> {
  /**
   * The record's time, epoch milliseconds (Kafka Streams: `TimestampExtractor`). Default: the time that Kafka holds. `partitionTime` is the greatest time seen in
   * the partition, -1 before the first record.
   */
  readonly timestamp?: (value: V, record: StreamRecord<K, V>, partitionTime: number) => number
  /**
   * What an invalid time does, one that is no whole number from 0 to 2^53-1: stop, drop and count, or take the partition's time. Default: one that Kafka holds stops, one
   * that `timestamp` answers is dropped.
   */
  readonly invalidTimestamp?: 'fail' | 'skip' | 'partitionTime'
  /** Most milliseconds by which a record's time may be ahead of the wall clock; beyond, it is invalid. One such record would close all windows. Default: no limit. */
  readonly maxFutureSkew?: number
  /** What bytes that their serde refuses do. Default 'fail'. */
  readonly onError?: OnError
  /**
   * Where to begin when the group has committed nothing, or when what comes next is gone (Kafka Streams: `Consumed.withOffsetResetPolicy`). Default: what the application
   * says.
   */
  readonly offsetReset?: OffsetReset
}

/** The facts of a source of topics. `invalid`: what is done with invalid times when the options do not say. */
export function sourceFacts<K, V>(
  name: string | readonly string[],
  options: TopicOptions<K, V>,
  nulls: 'keep' | 'drop',
  invalid: SourceFacts['invalidTimestamp'] = options.timestamp === undefined ? 'fail' : 'skip',
): SourceFacts {
  const topics = Object.freeze(typeof name === 'string' ? [name] : [...name])
  if (topics.length === 0) throw new RiachoError('RIACHO_NAME', 'a source reads no topic: give it at least one name')
  for (const topic of topics) {
    if (!/^[A-Za-z0-9._-]{1,249}$/.test(topic))
      throw new RiachoError('RIACHO_NAME', `topic '${topic}': a name has 1 to 249 of the characters A-Z a-z 0-9 . _ -`)
  }
  return Object.freeze({
    topics,
    key: options.key as Serde<unknown>,
    value: options.value as Serde<unknown>,
    ...(options.timestamp && { timestamp: options.timestamp as NonNullable<SourceFacts['timestamp']> }),
    invalidTimestamp: options.invalidTimestamp ?? invalid,
    ...(options.maxFutureSkew !== undefined && { maxFutureSkew: checkedSkew(options.maxFutureSkew) }),
    onError: options.onError ?? 'fail',
    ...(options.offsetReset !== undefined && { offsetReset: checkedReset(options.offsetReset) }),
    nulls,
  })
}

function checkedReset(policy: OffsetReset): OffsetReset {
  if (['earliest', 'latest', 'none'].includes(policy)) return policy
  throw new RiachoError('RIACHO_OPTION', `offsetReset is 'earliest', 'latest' or 'none', not '${String(policy)}'`)
}

function checkedSkew(skew: number): number {
  if (Number.isSafeInteger(skew) && skew >= 0) return skew
  throw new RiachoError('RIACHO_OPTION', `maxFutureSkew is a whole number of milliseconds, 0 or more, not ${skew}`)
}

/**
 * Reads one or several topics. Records without a value (null bytes; a JSON null is a value) are dropped and counted, unless `nulls: 'keep'`, as Kafka Streams does;
 * null keys pass.
 *
 * @example
 * const orders = topic('orders', { key: text, value: json<Order>() })
 */
export function topic<K, V>(
  name: string | readonly string[],
  options: TopicOptions<K, V> & { readonly nulls: 'keep' },
): KStream<K, V | null>
export function topic<K, V>(name: string | readonly string[], options: TopicOptions<K, V> & { readonly nulls?: 'drop' }): KStream<K, V>
export function topic<K, V>(
  name: string | readonly string[],
  options: TopicOptions<K, V> & { readonly nulls?: 'keep' | 'drop' },
): KStream<K, V | null> {
  const source = sourceFacts(name, options, options.nulls ?? 'drop')
  return new Stream(
    makeNode({
      kind: 'source',
      label: source.topics.join(','),
      parents: [],
      key: source.key,
      value: source.value,
      partitioned: true,
      source,
      ...deadLettersOf(options.onError),
      open: (_task, out) => [out],
    }),
  )
}
