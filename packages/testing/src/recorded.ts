import type { Broker, Headers, PartitionWriter, Producer, TopicPartition } from '@riacho/streams/engine'

/** A record as it was sent to a topic: copies. */
export interface SentRecord extends TopicPartition {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestamp: number
  readonly headers: Headers
}

/** The same broker, which also tells `sent` of every record that a producer appends, in order over all topics. */
export function recorded(broker: Broker, sent: (record: SentRecord) => void): Broker {
  return {
    admin: broker.admin,
    join: (group, on) => broker.join(group, on),
    fetcher: options => broker.fetcher(options),
    producer: async options => watched(await broker.producer(options), sent),
    close: () => broker.close(),
  }
}

function watched(producer: Producer, sent: (record: SentRecord) => void): Producer {
  return {
    get bufferedBytes() {
      return producer.bufferedBytes
    },
    partition: at => {
      const writer = producer.partition(at)
      const watching: PartitionWriter = {
        append: (timestamp, key, value, headers) => {
          writer.append(timestamp, key, value, headers)
          sent({ ...at, key: copied(key), value: copied(value), timestamp, headers: headers ?? [] })
        },
      }
      return watching
    },
    flush: () => producer.flush(),
    sendOffsets: (member, offsets) => producer.sendOffsets(member, offsets),
    commit: () => producer.commit(),
    abort: () => producer.abort(),
    close: () => producer.close(),
  }
}

function copied(bytes: string | Uint8Array | null): Uint8Array | null {
  if (bytes === null) return null
  return typeof bytes === 'string' ? Buffer.from(bytes) : Uint8Array.from(bytes)
}
