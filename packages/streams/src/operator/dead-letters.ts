import type { Headers } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import { bytes } from '../serde/bytes.ts'
import type { KStream } from '../stream.ts'
import { type DeadLetter, readDeadLetter } from '../wire/dead-letter.ts'
import { mapValues } from './map-values.ts'
import { topic } from './topic.ts'

/**
 * Reads a dead letter topic as a stream of dead letters: the original record with why and where it failed.
 *
 * @example
 * deadLetters('orders-dead').pipe(filter(letter => letter.code === 'RIACHO_INVALID'), to('alerts', { value: json() }))
 */
export function deadLetters(topicName: string): KStream<Uint8Array | null, DeadLetter> {
  return topic<Uint8Array | null, Uint8Array>(topicName, { key: bytes as Serde<Uint8Array | null>, value: bytes, nulls: 'keep' }).pipe(
    mapValues((value: Uint8Array | null, record: { readonly key: Uint8Array | null; readonly headers: Headers }) =>
      readDeadLetter(record.key, value, record.headers),
    ),
  )
}
