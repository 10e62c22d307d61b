import { CreateQueueCommand, GetQueueAttributesCommand, GetQueueUrlCommand, QueueDoesNotExist, SQSClient } from '@aws-sdk/client-sqs'
import { queueError } from './errors.ts'
import { isFifo, nameOf, type Queue } from './options.ts'

/** A queue that is there. */
export interface OpenQueue {
  readonly client: SQSClient
  readonly url: string
  /** It drops messages with the body of one of the last five minutes by itself. */
  readonly contentBased: boolean
  close(): void
}

const clientOf = ({ client, region, endpoint, credentials, requestTimeout = 10_000 }: Queue, waitMs: number): SQSClient => {
  if (client !== undefined) return client
  const agent = { maxSockets: 128 }
  return new SQSClient({
    ...(region && { region }),
    ...(endpoint && { endpoint }),
    ...(credentials && { credentials }),
    // Trying again is the stage's: it counts the tries, pauses between them, and knows when to give up.
    maxAttempts: 1,
    requestHandler: {
      requestTimeout: requestTimeout + waitMs,
      throwOnRequestTimeout: true,
      connectionTimeout: 3000,
      httpAgent: agent,
      httpsAgent: agent,
    },
  })
}

/** Finds the queue, or makes it. Throws what the SDK throws, or `RIACHO_SQS_QUEUE`. */
export const openQueue = async (options: Queue, { create = false, waitMs = 0 } = {}): Promise<OpenQueue> => {
  const client = clientOf(options, waitMs)
  const close = (): void => {
    if (client !== options.client) client.destroy()
  }
  try {
    const url = options.queue.includes('://') ? options.queue : await urlOf(client, options.queue, create)
    const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }))
    if ((Attributes?.FifoQueue === 'true') !== isFifo(url))
      throw queueError(nameOf(url), 'is a FIFO queue, or not one, other than its name says')
    return { client, url, contentBased: Attributes?.ContentBasedDeduplication === 'true', close }
  } catch (thrown) {
    close()
    throw thrown
  }
}

const urlOf = async (client: SQSClient, queue: string, create: boolean): Promise<string> => {
  try {
    return (await client.send(new GetQueueUrlCommand({ QueueName: queue }))).QueueUrl!
  } catch (thrown) {
    if (!(thrown instanceof QueueDoesNotExist) || !create) throw thrown
    const fifo = isFifo(queue) && { Attributes: { FifoQueue: 'true', ContentBasedDeduplication: 'true' } }
    return (await client.send(new CreateQueueCommand({ QueueName: queue, ...fifo }))).QueueUrl!
  }
}
