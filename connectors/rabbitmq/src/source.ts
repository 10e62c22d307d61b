import { type Headers, type Source, type SourceReader, type SourceRecord, text } from '@riacho/streams'
import type { ConsumeMessage } from 'amqplib'
import { type OpenQueue, openQueue } from './client.ts'
import { queueError } from './errors.ts'
import { checkSource, type RabbitSourceOptions } from './options.ts'

/**
 * A source of the messages of a RabbitMQ queue, classic or quorum: the value is the body, headers are the message's. A message is acknowledged after the commit that covers it, so none is
 * lost and some may come twice: never exactly once.
 *
 * @example
 * source(rabbitSource({ url: 'amqp://localhost', queue: 'pulses', value: json<Pulse>() }))
 *
 * Throws `RIACHO_RABBITMQ_OPTION`.
 */
export const rabbitSource = <V>(options: RabbitSourceOptions<V>): Source<string, V> => {
  checkSource(options)
  const { queue, name = `rabbitmq-${queue.replaceAll(/[^A-Za-z0-9._-]/g, '-')}` } = options
  const partitions = Array.from({ length: options.partitions ?? 1 }, (_, i) => (i === 0 ? queue : `${queue}-${i}`))
  return {
    name,
    positions: 'acknowledged',
    keyed: false,
    key: text,
    value: options.value,
    async partitions() {
      const open = await openQueue(options).catch((thrown: unknown) => {
        throw queueError(queue, thrown)
      })
      await open.close()
      return partitions
    },
    open: (_, from) => new QueueReader(options, from === null ? 0 : numberOf(from)),
  }
}

/** A message that no commit covers yet. */
interface Pending {
  readonly number: number
  readonly message: ConsumeMessage
}

class QueueReader implements SourceReader {
  readonly #options: RabbitSourceOptions<unknown>
  #opening: Promise<OpenQueue> | null = null
  /** What was received and not given out. */
  #ready: SourceRecord[] = []
  /** In the order of their numbers, which is that of delivery. */
  #pending: Pending[] = []
  /** The last number that was given. */
  #number: number
  /** Why the connection was lost, until a read has told. */
  #lost: Error | null = null
  readonly #closed = new AbortController()
  /** Of a read that waits: resolves when there is something to look at. */
  #news: PromiseWithResolvers<void> | null = null

  constructor(options: RabbitSourceOptions<unknown>, number: number) {
    this.#options = options
    this.#number = number
  }

  async read(recordsMax: number, signal: AbortSignal): Promise<readonly SourceRecord[]> {
    const aborted = Promise.withResolvers<void>()
    const abort = (): void => aborted.resolve()
    signal.addEventListener('abort', abort)
    try {
      while (!signal.aborted && !this.#closed.signal.aborted) {
        if (this.#ready.length > 0) return this.#ready.splice(0, recordsMax)
        // The caller reads again after a pause, and that connects again.
        if (this.#lost !== null) throw this.#told()
        this.#news ??= Promise.withResolvers()
        const news = this.#news.promise
        await Promise.race([aborted.promise, this.#open().then(() => news)])
      }
      return []
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  async commit(upTo: Uint8Array): Promise<void> {
    const last = numberOf(upTo)
    let count = 0
    while (count < this.#pending.length && this.#pending[count]!.number <= last) count++
    // Of a connection that was lost nothing is pending: its messages come again.
    if (count === 0) return
    const { channel } = await this.#open()
    const covered = this.#pending.splice(0, count).at(-1)
    try {
      if (covered !== undefined) channel.ack(covered.message, true)
    } catch {
      // The channel has just ended, which the next read tells: what it had comes again.
    }
  }

  async lag(): Promise<number> {
    const { channel } = await this.#open()
    const { messageCount } = await channel.checkQueue(this.#options.queue)
    return messageCount + this.#ready.length
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return
    this.#closed.abort()
    this.#tell()
    const queue = await this.#opening?.catch(() => null)
    // What was not acknowledged is for whoever reads next, at once.
    await queue?.close()
    this.#ready = []
    this.#pending = []
  }

  #open(): Promise<OpenQueue> {
    this.#opening ??= this.#connect().catch((thrown: unknown) => {
      this.#opening = null
      throw queueError(this.#options.queue, thrown)
    })
    return this.#opening
  }

  async #connect(): Promise<OpenQueue> {
    const queue = await openQueue(this.#options, this.#closed.signal)
    try {
      await queue.consume(message => this.#take(message))
      void queue.ended.then(cause => this.#lose(cause))
      return queue
    } catch (thrown) {
      await queue.close()
      throw thrown
    }
  }

  #take(message: ConsumeMessage): void {
    const number = ++this.#number
    this.#pending.push({ number, message })
    this.#ready.push(recordOf(message, number, this.#options))
    this.#tell()
  }

  /** RabbitMQ gives again what it had sent here. */
  #lose(cause: unknown): void {
    this.#opening = null
    this.#pending = []
    this.#ready = []
    this.#lost = queueError(this.#options.queue, cause)
    this.#tell()
  }

  #told(): Error {
    const lost = this.#lost!
    this.#lost = null
    return lost
  }

  #tell(): void {
    this.#news?.resolve()
    this.#news = null
  }
}

/** A position is the number of its record. */
const numberOf = (position: Uint8Array): number => Buffer.from(position).readDoubleBE()

/** How often a message was delivered that was not before. */
const once = Buffer.from('1')

const recordOf = ({ content, fields, properties }: ConsumeMessage, number: number, { key }: RabbitSourceOptions<unknown>): SourceRecord => {
  const position = Buffer.allocUnsafe(8)
  position.writeDoubleBE(number)
  const { headers: own = {}, messageId, correlationId, type, timestamp } = properties as Properties
  const headers: Headers[number][] = []
  for (const name in own) headers.push([name, bytesOf(own[name])])
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined) headers.push([name, Buffer.from(value)])
  }
  add('rabbitmq.routing-key', fields.routingKey)
  add('rabbitmq.message-id', messageId)
  add('rabbitmq.correlation-id', correlationId)
  add('rabbitmq.type', type)
  // Quorum queues count; of a classic one it is known whether it was delivered before.
  const before = Number(own['x-delivery-count'] ?? (fields.redelivered ? 1 : 0))
  headers.push(['rabbitmq.delivery-count', before === 0 ? once : Buffer.from(String(before + 1))])
  const of = key === undefined ? undefined : { messageId, correlationId, routingKey: fields.routingKey }[key]
  return {
    key: of === undefined ? null : Buffer.from(of),
    value: content,
    // AMQP's are seconds.
    timestamp: timestamp === undefined ? Date.now() : timestamp * 1000,
    headers,
    offset: number,
    position,
  }
}

/** What the client says of a message's properties, where it is sure. */
interface Properties {
  readonly headers?: Readonly<Record<string, unknown>>
  readonly messageId?: string
  readonly correlationId?: string
  readonly type?: string
  readonly timestamp?: number
}

const bytesOf = (value: unknown): Uint8Array | null => {
  if (value === null || value === undefined) return null
  if (value instanceof Uint8Array) return value
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
}
