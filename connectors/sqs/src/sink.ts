import { createHash } from 'node:crypto'
import { SendMessageBatchCommand, type SendMessageBatchRequestEntry } from '@aws-sdk/client-sqs'
import { type Places, type Sink, SinkError, type StreamRecord } from '@riacho/streams'
import { reasonOf } from '@riacho/streams/engine'
import { type OpenQueue, openQueue } from './client.ts'
import { BadMessage, batchError, isRefusal, sinkError } from './errors.ts'
import { checkSink, isFifo, nameOf, type SqsOptions } from './options.ts'

/** Messages that one request takes. */
const requestMessages = 10

/**
 * A sink into an SQS queue. Of a FIFO queue each key is a group, whose messages keep their order; what is written again within five minutes is one message.
 *
 * @example
 * persist(sqs({ queue: 'Client_A.fifo', body: event => JSON.stringify(event) }), { retry: { retriesMax: 5 } })
 *
 * Throws `RIACHO_SQS_OPTION`. `write` rejects with a SinkError whose `failures` say which messages were not sent; all others were.
 */
export const sqs = <K, V>(options: SqsOptions<K, V>): Sink<K, V> => {
  checkSink(options)
  return new SqsSink(options.name ?? `sqs-${nameOf(options.queue)}`, options)
}

class SqsSink<K, V> implements Sink<K, V> {
  readonly name: string
  readonly idempotent: boolean
  readonly #options: SqsOptions<K, V>
  #users = 0
  #opening: Promise<OpenQueue> | null = null
  #queue: OpenQueue | null = null

  constructor(name: string, options: SqsOptions<K, V>) {
    this.name = name
    this.idempotent = isFifo(options.queue)
    this.#options = options
  }

  async open(): Promise<void> {
    this.#users++
    this.#opening ??= openQueue(this.#options, { create: this.#options.create ?? false })
    try {
      this.#queue = await this.#opening
    } catch (thrown) {
      this.#users--
      this.#opening = null
      throw sinkError(nameOf(this.#options.queue), thrown)
    }
  }

  async write(batch: readonly StreamRecord<K, V | null>[], signal: AbortSignal, places?: Places): Promise<void> {
    signal.throwIfAborted()
    if (this.#queue === null) throw new SinkError('permanent', `${this.name} is not open: call open() first`)
    const sending = new Sending(this.#queue, this.#options, signal)
    for (const [index, record] of batch.entries()) sending.add(record, index, places)
    await sending.run()
    signal.throwIfAborted()
    if (sending.failures.size > 0) throw batchError(nameOf(this.#options.queue), batch.length, sending.failures)
  }

  async close(): Promise<void> {
    if (this.#users === 0 || --this.#users > 0) return
    this.#queue?.close()
    this.#queue = null
    this.#opening = null
  }
}

interface Message {
  readonly index: number
  readonly entry: SendMessageBatchRequestEntry
  readonly bytes: number
}

/** The messages of a group that wait, in order. */
interface Group {
  readonly messages: Message[]
  next: number
}

/** One batch on its way. */
class Sending<K, V> {
  readonly failures = new Map<number, SinkError>()
  readonly #queue: OpenQueue
  readonly #options: SqsOptions<K, V>
  readonly #signal: AbortSignal
  readonly #fifo: boolean
  readonly #bytesMax: number
  readonly #groups = new Map<string | number, Group>()
  /** Groups of which no message is under way. */
  #ready: Group[] = []

  constructor(queue: OpenQueue, options: SqsOptions<K, V>, signal: AbortSignal) {
    this.#queue = queue
    this.#options = options
    this.#signal = signal
    this.#fifo = isFifo(queue.url)
    this.#bytesMax = options.requestBytesMax ?? 262_144
  }

  add(record: StreamRecord<K, V | null>, index: number, places: Places | undefined): void {
    try {
      if (record.value === null) throw new BadMessage('its value is null, and a queue takes nothing back: drop nulls before')
      const entry = this.#entry(record as StreamRecord<K, V>, index, places)
      const bytes = Buffer.byteLength(entry.MessageBody!)
      if (bytes > this.#bytesMax) throw new BadMessage(`its body has ${bytes} bytes, and ${this.#bytesMax} are allowed`)
      if (bytes === 0) throw new BadMessage('its body is empty')
      const id = entry.MessageGroupId ?? index
      const group = this.#groups.get(id)
      if (group === undefined) this.#groups.set(id, { messages: [{ index, entry, bytes }], next: 0 })
      else group.messages.push({ index, entry, bytes })
    } catch (thrown) {
      this.failures.set(index, sinkError(nameOf(this.#queue.url), thrown))
    }
  }

  async run(): Promise<void> {
    this.#ready = [...this.#groups.values()]
    const work = async (): Promise<void> => {
      while (this.#ready.length > 0 && !this.#signal.aborted) await this.#send(this.#take())
    }
    const requests = Math.ceil(this.#ready.length / requestMessages)
    await Promise.all(Array.from({ length: Math.min(this.#options.requestsMax ?? 8, requests) }, work))
  }

  #entry(record: StreamRecord<K, V>, index: number, places: Places | undefined): SendMessageBatchRequestEntry {
    const { value } = record
    const { body = JSON.stringify, attributes } = this.#options
    const text = called('body', () =>
      body === JSON.stringify ? JSON.stringify(value) : (body as (v: V, r: typeof record) => string)(value, record),
    )
    if (typeof text !== 'string') throw new BadMessage(`body() gave ${typeof text}: give text`)
    const named = attributes === undefined ? [] : Object.entries(called('attributes', () => attributes(value, record)))
    return {
      Id: String(index),
      MessageBody: text,
      ...(named.length > 0 && {
        MessageAttributes: Object.fromEntries(named.map(([name, StringValue]) => [name, { DataType: 'String', StringValue }])),
      }),
      ...(this.#fifo && { MessageGroupId: this.#group(record), ...this.#deduplication(record, text, index, places) }),
    }
  }

  #group(record: StreamRecord<K, V>): string {
    const { group } = this.#options
    if (group === undefined && (record.key === null || record.key === undefined)) {
      throw new BadMessage('its key is null, and a FIFO queue needs a group: give the option group')
    }
    return fitting(group === undefined ? String(record.key) : called('group', () => group(record.value, record)))
  }

  #deduplication(record: StreamRecord<K, V>, body: string, index: number, places: Places | undefined): { MessageDeduplicationId?: string } {
    const { deduplication = 'content' } = this.#options
    if (deduplication === 'content') return this.#queue.contentBased ? {} : { MessageDeduplicationId: sha256(body) }
    if (deduplication === 'position') return { MessageDeduplicationId: sha256(positionOf(places, index)) }
    return { MessageDeduplicationId: fitting(called('deduplication', () => deduplication(record.value, record))) }
  }

  /** The messages of the next request: of each group the first, or as many as fit. */
  #take(): readonly (readonly [Group, Message[]])[] {
    const taken: [Group, Message[]][] = []
    let room = requestMessages
    let bytes = this.#bytesMax
    while (room > 0 && this.#ready.length > 0) {
      const group = this.#ready.at(-1)!
      const messages: Message[] = []
      const most = this.#options.groupBatches ? room : 1
      while (messages.length < most && group.next < group.messages.length && group.messages[group.next]!.bytes <= bytes) {
        bytes -= group.messages[group.next]!.bytes
        messages.push(group.messages[group.next++]!)
      }
      if (messages.length === 0) break
      this.#ready.pop()
      room -= messages.length
      taken.push([group, messages])
    }
    return taken
  }

  async #send(taken: readonly (readonly [Group, Message[]])[]): Promise<void> {
    const name = nameOf(this.#queue.url)
    const messages = taken.flatMap(([, of]) => of)
    const failed = new Map<string, SinkError>()
    try {
      const command = new SendMessageBatchCommand({ QueueUrl: this.#queue.url, Entries: messages.map(message => message.entry) })
      const { Failed = [] } = await this.#queue.client.send(command, { abortSignal: this.#signal })
      for (const { Id, Code, Message, SenderFault } of Failed) {
        failed.set(
          Id!,
          new SinkError(SenderFault || isRefusal(Code) ? 'poison' : 'transient', `queue ${name} did not take it (${Code}: ${Message})`),
        )
      }
    } catch (thrown) {
      const error = sinkError(name, thrown)
      if (error.kind === 'poison' && messages.length > 1) return this.#apart(taken)
      for (const { entry } of messages) failed.set(entry.Id!, error)
    }
    for (const [group, of] of taken) this.#settle(group, of, failed)
  }

  /** One message, or their sum, is what the service refuses: each alone tells. */
  async #apart(taken: readonly (readonly [Group, Message[]])[]): Promise<void> {
    for (const [group, messages] of taken) {
      group.next -= messages.length
      const { next } = group
      for (const [i, message] of messages.entries()) {
        if (group.next !== next + i || this.#signal.aborted) break
        group.next++
        await this.#send([[{ messages: group.messages.slice(0, group.next), next: group.next }, [message]]])
        if (this.failures.get(message.index)?.kind === 'transient') this.#holdBack(group, this.failures.get(message.index)!)
      }
      if (group.next < group.messages.length) this.#ready.push(group)
    }
  }

  #settle(group: Group, messages: readonly Message[], failed: ReadonlyMap<string, SinkError>): void {
    for (const { index, entry } of messages) {
      const error = failed.get(entry.Id!)
      if (error === undefined) continue
      this.failures.set(index, error)
      if (error.kind !== 'poison') this.#holdBack(group, error)
    }
    if (group.next < group.messages.length) this.#ready.push(group)
  }

  /** What comes after a message that may still be sent waits for it. */
  #holdBack(group: Group, error: SinkError): void {
    const message = `it waits for a message of its group: ${error.message}`
    const held = new SinkError(error.kind, message, { cause: error, away: error.away, untried: true })
    while (group.next < group.messages.length) this.failures.set(group.messages[group.next++]!.index, held)
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** A text as SQS takes it for an id: short, and of printable characters. */
const fitting = (text: string): string => (/^[!-~]{1,128}$/.test(text) ? text : sha256(text))

const positionOf = (places: Places | undefined, index: number): string => {
  const at = places?.position(index) ?? null
  if (at === null || at.offset < 0) {
    throw new SinkError(
      'permanent',
      "deduplication: 'position' needs records that an offset led to: give a function that tells messages apart",
    )
  }
  return `${at.topic} ${at.partition} ${at.offset} ${places!.nth(index)}`
}

/** What a function of the options answers; what it throws is a bad message. */
const called = <T>(name: string, f: () => T): T => {
  try {
    return f()
  } catch (cause) {
    throw new BadMessage(`${name}() threw: ${reasonOf(cause)}`, { cause })
  }
}
