import type { Broker, Fetcher, Headers, PartitionWriter, Producer, TopicPartition } from '@riacho/streams/engine'

/** A record as it was sent to a topic: copies. */
export interface SentRecord extends TopicPartition {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestamp: number
  readonly headers: Headers
}

/**
 * The same broker, which also tells `sent` of every record that a producer appends, in order over all topics, and hands out slices of several partitions in the order
 * in which their records were sent.
 */
export function recorded(broker: Broker, sent: (record: SentRecord) => void): Broker {
  const unread = new Map<string, number>()
  let count = 0
  const noted = (record: SentRecord): void => {
    const at = `${record.topic}/${record.partition}`
    if (!unread.has(at)) unread.set(at, count++)
    sent(record)
  }
  return {
    admin: broker.admin,
    join: (group, on) => broker.join(group, on),
    fetcher: options => inOrder(broker.fetcher(options), unread),
    producer: async options => watched(await broker.producer(options), noted),
    close: () => broker.close(),
  }
}

function inOrder(fetcher: Fetcher, unread: Map<string, number>): Fetcher {
  const place = ({ topic, partition }: TopicPartition): number => unread.get(`${topic}/${partition}`) ?? -1
  return {
    add: (at, offset) => fetcher.add(at, offset),
    remove: at => fetcher.remove(at),
    pause: at => fetcher.pause(at),
    resume: at => fetcher.resume(at),
    seek: (at, offset) => fetcher.seek(at, offset),
    poll: async maxWait => {
      const slices = [...(await fetcher.poll(maxWait))].sort((a, b) => place(a) - place(b))
      for (const { topic, partition } of slices) unread.delete(`${topic}/${partition}`)
      return slices
    },
    wake: () => fetcher.wake(),
    close: () => fetcher.close(),
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
