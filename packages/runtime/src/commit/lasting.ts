import { type Broker, BrokerError, RiachoError, reasonOf, type TopicPartition } from '@riacho/streams/engine'

/**
 * Throws what lasts however often a commit is tried, with what to do: what the broker says is fatal, a record that its topic does not take, and a partition that is gone since
 * the start. What was written is nobody's then: offsets stay where they are.
 */
export async function throwLasting(error: unknown, broker: Broker): Promise<void> {
  if (!(error instanceof BrokerError)) return
  if (error.fatal) throw error
  const { code, at } = error
  if (at === undefined) return
  const about = { cause: error, place: { topic: at.topic } }
  if (code === 'MESSAGE_TOO_LARGE') {
    const message = `topic ${at.topic} does not take a record that was written to it (${reasonOf(error)}): raise its max.message.bytes, and start again`
    throw new RiachoError('RIACHO_TOO_LARGE', message, about)
  }
  if (code !== 'UNKNOWN_TOPIC_OR_PARTITION' || !(await isGone(at, broker))) return
  const message = `the broker has no partition ${at.partition} of topic ${at.topic} any more: create the topic as it was, and start again`
  throw new RiachoError('RIACHO_TOPIC_MISSING', message, about)
}

/** Who cannot be asked has not said so. */
async function isGone({ topic, partition }: TopicPartition, { admin }: Broker): Promise<boolean> {
  const known = await admin.partitions([topic]).catch(() => undefined)
  return known !== undefined && partition >= (known.get(topic) ?? 0)
}
