import { Writer } from '@platformatic/kafka'
import type { BrokerError } from '@riacho/streams/engine'
import { failureAt } from '../errors.ts'
import { byTopic } from '../metadata/partitions.ts'
import type { Request } from '../transport/connection.ts'
import { Walk } from '../transport/walk.ts'
import type { Sealed } from './queue.ts'

/** Milliseconds that the broker has to replicate a batch. */
const replicationLimitMs = 30_000
const allReplicas = -1

/** How to send batches. */
export interface ProduceFacts {
  /** 12 begins a transaction by itself (KIP-890); below, its partitions must have been added. */
  readonly version: 9 | 12
  readonly transactionalId: string | null
}

/** One batch of each of several partitions of one broker. The answer has the failures. */
export function produceRequest(batches: readonly Sealed[], { version, transactionalId }: ProduceFacts): Request<Map<Sealed, BrokerError>> {
  const body: Uint8Array[] = []
  let part = Writer.create().appendString(transactionalId).appendInt16(allReplicas).appendInt32(replicationLimitMs)
  const topics = [...byTopic(batches.map(sealed => ({ topic: sealed.queue.topic, partition: sealed.queue.partition, sealed })))]
  part.appendUnsignedVarInt(topics.length + 1)
  for (const [topic, list] of topics) {
    part.appendString(topic).appendUnsignedVarInt(list.length + 1)
    for (const { partition, sealed } of list) {
      part.appendInt32(partition).appendUnsignedVarInt(sealed.bytes.length + 1)
      // Batches go to the socket as they are, not through a copy.
      body.push(part.buffer, sealed.bytes)
      part = Writer.create().appendTaggedFields()
    }
    part.appendTaggedFields()
  }
  body.push(part.appendTaggedFields().buffer)
  return { key: 0, version, body, tags: { request: true, answer: true }, parse: frame => failuresIn(frame, batches) }
}

function failuresIn(frame: Buffer, batches: readonly Sealed[]): Map<Sealed, BrokerError> {
  const walk = new Walk(frame)
  const answered = walk.list(() => {
    const topic = walk.text()
    return walk.list(() => partition(walk, topic))
  })
  const codes = new Map(answered.flat().map(({ topic, partition, errorCode }) => [`${topic}/${partition}`, errorCode]))
  const failures = new Map<Sealed, BrokerError>()
  for (const sealed of batches) {
    // A broker that says nothing of a batch has not said that it has it.
    const errorCode = codes.get(`${sealed.queue.topic}/${sealed.queue.partition}`) ?? unanswered
    if (errorCode !== 0) failures.set(sealed, failureAt(errorCode, sealed.queue))
  }
  return failures
}

/** NETWORK_EXCEPTION. */
const unanswered = 13

function partition(walk: Walk, topic: string) {
  const answer = { topic, partition: walk.int32(), errorCode: walk.int16() }
  walk.at += 24 // first offset, time of appending, the log's first offset
  walk.list(() => {
    walk.int32()
    walk.text()
  })
  walk.text()
  return answer
}
