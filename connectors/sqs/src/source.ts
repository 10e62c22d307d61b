import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
} from '@aws-sdk/client-sqs'
import { type Headers, type Source, type SourceReader, type SourceRecord, text } from '@riacho/streams'
import { reasonOf } from '@riacho/streams/engine'
import { type OpenQueue, openQueue } from './client.ts'
import { queueError, sinkError } from './errors.ts'
import { checkSource, isFifo, nameOf, type SqsSourceOptions } from './options.ts'

/** Messages that one request takes or gives. */
const requestMessages = 10
/** Requests that are under way at once. */
const requestsMax = 8
/** Times that messages are deleted again when SQS took only some of a request. */
const deleteTries = 5

/**
 * A source of the messages of an SQS queue: the value is the body, the key the group of a FIFO queue, else null; headers are the text attributes. A message is deleted after the
 * commit that covers it, so none is lost and some may come twice: never exactly once.
 *
 * SQS gives no more messages of a FIFO group while some of it are not deleted: a group moves by at most ten messages a commit.
 *
 * @example
 * source(sqsSource({ queue: 'pulses', value: json<Pulse>() }))
 *
 * Throws `RIACHO_SQS_OPTION`.
 */
export const sqsSource = <V>(options: SqsSourceOptions<V>): Source<string, V> => {
  checkSource(options)
  const name = nameOf(options.queue)
  const partitions = Array.from({ length: options.partitions ?? 1 }, (_, i) => (i === 0 ? name : `${name}-${i}`))
  return {
    name: options.name ?? `sqs-${name}`,
    positions: 'acknowledged',
    keyed: false,
    key: text,
    value: options.value,
    async partitions() {
      const queue = await openQueue(options).catch((thrown: unknown) => {
        throw queueError(name, `cannot be read (${reasonOf(thrown)}): look at its name, the endpoint, and the credentials`, thrown)
      })
      queue.close()
      return partitions
    },
    open: (_, from) => new SqsReader(options, from === null ? 0 : Number(Buffer.from(from).readBigUInt64BE())),
  }
}

/** A message that no commit covers yet. */
interface Pending {
  readonly number: number
  readonly handle: string
  /** Epoch milliseconds until which others do not see it. */
  hiddenUntil: number
}

class SqsReader implements SourceReader {
  readonly #options: SqsSourceOptions<unknown>
  readonly #visibilityMs: number
  readonly #pendingMax: number
  readonly #abort = new AbortController()
  readonly #heartbeat: NodeJS.Timeout
  #opening: Promise<OpenQueue> | null = null
  #receiving: Promise<void> | null = null
  /** What was received and not given out. */
  #ready: SourceRecord[] = []
  /** In the order of their numbers. */
  #pending: Pending[] = []
  /** The last number that was given, and the last that a commit covers. */
  #number: number
  #covered: number

  constructor(options: SqsSourceOptions<unknown>, number: number) {
    this.#options = options
    this.#number = number
    this.#covered = number
    this.#visibilityMs = (options.visibility ?? 30) * 1000
    this.#pendingMax = options.pendingMax ?? 10_000
    this.#heartbeat = setInterval(() => void this.#stayAlive().catch(() => {}), this.#visibilityMs / 3)
    this.#heartbeat.unref()
  }

  async read(recordsMax: number, signal: AbortSignal): Promise<readonly SourceRecord[]> {
    const aborted = Promise.withResolvers<void>()
    const abort = (): void => aborted.resolve()
    signal.addEventListener('abort', abort)
    try {
      while (!signal.aborted && !this.#abort.signal.aborted) {
        if (this.#ready.length > 0) return this.#ready.splice(0, recordsMax)
        await Promise.race([aborted.promise, this.#pending.length < this.#pendingMax ? this.#fetch(recordsMax) : moment()])
      }
      return []
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** What a read that is given up has asked for is given by the next. */
  #fetch(recordsMax: number): Promise<void> {
    this.#receiving ??= this.#receive(recordsMax).finally(() => {
      this.#receiving = null
    })
    // Its failure is that of the read that waits for it, if one does.
    this.#receiving.catch(() => {})
    return this.#receiving
  }

  async commit(upTo: Uint8Array): Promise<void> {
    this.#covered = Number(Buffer.from(upTo).readBigUInt64BE())
    await this.#deleteCovered().catch((thrown: unknown) => {
      // While SQS is away the messages stay ours, and the next sign of life deletes them.
      const name = nameOf(this.#options.queue)
      if (sinkError(name, thrown).kind === 'permanent') throw queueError(name, `did not delete messages (${reasonOf(thrown)})`, thrown)
    })
  }

  async #deleteCovered(): Promise<void> {
    const covered = this.#covered
    const count = (): number => this.#pending.filter(({ number }) => number <= covered).length
    await this.#delete(this.#pending.slice(0, count()))
    this.#pending.splice(0, count())
  }

  async lag(): Promise<number> {
    const { client, url } = await this.#open()
    const { Attributes } = await client.send(
      new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['ApproximateNumberOfMessages'] }),
    )
    return Number(Attributes?.ApproximateNumberOfMessages ?? 0) + this.#ready.length
  }

  async close(): Promise<void> {
    if (this.#abort.signal.aborted) return
    this.#abort.abort()
    clearInterval(this.#heartbeat)
    await this.#receiving?.catch(() => {})
    const queue = await this.#opening?.catch(() => null)
    // What no commit covers is for whoever reads next, at once. If SQS cannot be told, it is when the time is over.
    await this.#deleteCovered()
      .then(() => this.#hide(this.#pending, 0))
      .catch(() => {})
    this.#pending = []
    queue?.close()
  }

  #open(): Promise<OpenQueue> {
    this.#opening ??= openQueue(this.#options, { waitMs: (this.#options.wait ?? 2) * 1000 }).catch((thrown: unknown) => {
      this.#opening = null
      throw thrown
    })
    return this.#opening
  }

  async #receive(recordsMax: number): Promise<void> {
    const most = Math.min(recordsMax, this.#pendingMax - this.#pending.length)
    const got = await this.#ask(Math.min(requestMessages, most), this.#options.wait ?? 2)
    // A full answer tells that there is more.
    if (got < requestMessages) return
    const asked: Promise<number>[] = []
    for (let left = most - got; left > 0 && asked.length < requestsMax; left -= requestMessages) {
      asked.push(this.#ask(Math.min(requestMessages, left), 0))
    }
    await Promise.all(asked)
  }

  async #ask(most: number, wait: number): Promise<number> {
    const { client, url } = await this.#open()
    const command = new ReceiveMessageCommand({
      QueueUrl: url,
      MaxNumberOfMessages: most,
      WaitTimeSeconds: wait,
      VisibilityTimeout: this.#visibilityMs / 1000,
      MessageSystemAttributeNames: ['SentTimestamp', 'MessageGroupId', 'ApproximateReceiveCount'],
      MessageAttributeNames: ['All'],
    })
    const asked = Date.now()
    const { Messages = [] } = await client.send(command, { abortSignal: this.#abort.signal })
    for (const message of Messages) {
      const number = ++this.#number
      this.#pending.push({ number, handle: message.ReceiptHandle!, hiddenUntil: asked + this.#visibilityMs })
      this.#ready.push(recordOf(message, number, isFifo(url)))
    }
    return Messages.length
  }

  async #delete(covered: readonly Pending[]): Promise<void> {
    if (covered.length === 0) return
    const { client, url } = await this.#open()
    await inRequests(covered, async part => {
      let left = part
      for (let tries = 1; left.length > 0; tries++) {
        const Entries = left.map(({ handle }, i) => ({ Id: String(i), ReceiptHandle: handle }))
        const { Failed = [] } = await client.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries }))
        // A handle that is no longer known is of a message that comes again: nothing can be done about it.
        const again = Failed.filter(failed => !failed.SenderFault)
        if (again.length > 0 && tries === deleteTries) {
          throw queueError(
            nameOf(url),
            `did not delete ${again.length} messages, which will come again (${again[0]!.Code}: ${again[0]!.Message})`,
          )
        }
        left = again.map(({ Id }) => left[Number(Id)]!)
      }
    })
  }

  /** Deletes what could not be when it was committed, and hides what will soon be seen by others, as long as the pipeline has it. */
  async #stayAlive(): Promise<void> {
    await this.#deleteCovered()
    const soon = Date.now() + (this.#visibilityMs * 2) / 3
    await this.#hide(
      this.#pending.filter(each => each.hiddenUntil < soon),
      this.#visibilityMs / 1000,
    )
  }

  async #hide(pending: readonly Pending[], seconds: number): Promise<void> {
    if (pending.length === 0) return
    const { client, url } = await this.#open()
    await inRequests(pending, async part => {
      const now = Date.now()
      const Entries = part.map(({ handle }, i) => ({ Id: String(i), ReceiptHandle: handle, VisibilityTimeout: seconds }))
      await client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: url, Entries }))
      for (const each of part) each.hiddenUntil = now + seconds * 1000
    })
  }
}

const moment = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 20))

/** Calls with ten at a time, a few calls at once. */
const inRequests = async (pending: readonly Pending[], call: (part: readonly Pending[]) => Promise<void>): Promise<void> => {
  let next = 0
  const work = async (): Promise<void> => {
    while (next < pending.length) {
      const from = next
      next += requestMessages
      await call(pending.slice(from, next))
    }
  }
  await Promise.all(Array.from({ length: requestsMax }, work))
}

const recordOf = ({ Body = '', Attributes, MessageAttributes = {}, MessageId }: Message, number: number, fifo: boolean): SourceRecord => {
  const position = Buffer.alloc(8)
  position.writeBigUInt64BE(BigInt(number))
  const named = Object.entries(MessageAttributes).map(([name, { StringValue, BinaryValue }]): Headers[number] => [
    name,
    BinaryValue ?? (StringValue === undefined ? null : Buffer.from(StringValue)),
  ])
  const group = fifo ? Attributes?.MessageGroupId : undefined
  return {
    key: group === undefined ? null : Buffer.from(group),
    value: Buffer.from(Body),
    timestamp: Number(Attributes?.SentTimestamp ?? Date.now()),
    headers: [
      ...named,
      ['sqs.message-id', Buffer.from(MessageId ?? '')],
      ['sqs.receive-count', Buffer.from(Attributes?.ApproximateReceiveCount ?? '')],
    ],
    offset: number,
    position,
  }
}
