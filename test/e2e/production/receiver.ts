import { CreateQueueCommand, DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import type { Event } from '../../oracle/event-processor.ts'

const clients = ['Client_A', 'Client_B', 'Client_C', 'Client_D']
const waitSeconds = 1

/** The service behind the queues: takes messages as they come, and keeps them in their order. */
export class Receiver {
  readonly #sqs: SQSClient
  readonly #queues: readonly Queue[]

  constructor(endpoint: string) {
    this.#sqs = new SQSClient({ endpoint, region: 'elasticmq', credentials: { accessKeyId: 'receiver', secretAccessKey: 'receiver' } })
    this.#queues = clients.map(client => new Queue(this.#sqs, client))
  }

  /** By client: what has come so far. Waits until nothing more is there. */
  async messages(): Promise<ReadonlyMap<string, readonly Event[]>> {
    return new Map(await Promise.all(this.#queues.map(async queue => [queue.client, await queue.all()] as const)))
  }

  async close(): Promise<void> {
    await Promise.all(this.#queues.map(queue => queue.close()))
    this.#sqs.destroy()
  }
}

class Queue {
  readonly client: string
  readonly #sqs: SQSClient
  readonly #events: Event[] = []
  readonly #receiving: Promise<void>
  /** Wait until a request that begins after them finds nothing. */
  #waiting: (() => void)[] = []
  #over = false

  constructor(sqs: SQSClient, client: string) {
    this.client = client
    this.#sqs = sqs
    this.#receiving = this.#receive()
  }

  async all(): Promise<readonly Event[]> {
    await Promise.race([new Promise<void>(resolve => this.#waiting.push(resolve)), this.#receiving])
    return this.#events
  }

  async close(): Promise<void> {
    this.#over = true
    await this.#receiving
  }

  async #receive(): Promise<void> {
    const Attributes = { FifoQueue: 'true', ContentBasedDeduplication: 'true' }
    const { QueueUrl } = await this.#sqs.send(new CreateQueueCommand({ QueueName: `${this.client}.fifo`, Attributes }))
    while (!this.#over) {
      const waiting = this.#waiting
      this.#waiting = []
      const request = { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: waitSeconds }
      const { Messages = [] } = await this.#sqs.send(new ReceiveMessageCommand(request))
      if (Messages.length === 0) {
        for (const resolve of waiting) resolve()
        continue
      }
      this.#waiting.push(...waiting)
      for (const { Body } of Messages) this.#events.push(JSON.parse(Body!) as Event)
      const Entries = Messages.map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle }))
      await this.#sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }))
    }
  }
}
