import { setTimeout as wait } from 'node:timers/promises'
import { type Broker, type Headers, type Producer, partitionOf, RiachoError, reasonOf } from '@riacho/streams/engine'
import { failure } from '../errors.ts'
import type { LineRecord, ReadLine } from './line.ts'
import { linesOf } from './lines.ts'

/** What `produce` writes where. */
export interface ProduceOptions {
  readonly topic: string
  /** A file of one record per line; `-` is standard input. */
  readonly from: string
  readonly read: ReadLine
  /** Headers of every record, after its own. */
  readonly headers?: Headers
  /** Of records that have none, epoch milliseconds. Default: when they are written. */
  readonly timestamp?: number | undefined
  /** Of records that have none. Default: by the key; without a key in turn. */
  readonly partition?: number | undefined
  /** Ends with what has been read when aborted. */
  readonly signal?: AbortSignal
}

/** Bytes that may wait in the producer before they are flushed. */
const bufferedBytes = 8 << 20
/** How long records wait for more input before they are flushed. */
const lingerMs = 100

/**
 * Writes each line of a file as a record. Resolves with how many once all are durable. At the first line that is no record it rejects with `RIACHO_INPUT`, when all lines
 * before it are durable; when the broker fails with `RIACHO_PRODUCE`, which says up to which line they are.
 */
export async function produce(broker: Broker, options: ProduceOptions): Promise<number> {
  const { from, topic, signal } = options
  const writing = new Writing(await broker.producer({}), options, await partitionsOf(broker, topic))
  const lines = linesOf(from)
  const stop = new Promise<undefined>(resolve => signal?.addEventListener('abort', () => resolve(undefined), { once: true }))
  try {
    while (signal?.aborted !== true) {
      const next = lines.next()
      const came = await soon(next, () => writing.flush(), stop).catch(thrown => writing.refuse(thrown))
      if (came === undefined || came.done) break
      for (const line of came.value) await writing.add(line)
    }
    await writing.flush()
    // Who types lines ends them as they like; of a file there is more.
    if (signal?.aborted === true && from !== '-')
      throw failure(
        'RIACHO_INTERRUPTED',
        `stopped after line ${writing.durable} of ${from}: what comes before is written, go on with the next`,
      )
    return writing.durable
  } finally {
    // What still waits to be read keeps nobody here.
    if (from === '-') process.stdin.destroy()
    await writing.close()
  }
}

/** What comes next; if it does not come soon, after `idle`, and undefined once `stop` is. */
async function soon<T>(next: Promise<T>, idle: () => Promise<void>, stop: Promise<undefined>): Promise<T | undefined> {
  const over = new AbortController()
  const late = wait(lingerMs, undefined, { signal: over.signal }).catch(() => undefined)
  const came = await Promise.race([next, late]).finally(() => over.abort())
  if (came !== undefined) return came
  await idle()
  return Promise.race([next, stop])
}

/** Partitions of a topic, which is made if it is not there. */
async function partitionsOf(broker: Broker, topic: string): Promise<number> {
  const ask = async (): Promise<number | undefined> => (await broker.admin.partitions([topic])).get(topic)
  const there = await ask()
  if (there !== undefined) return there
  await broker.admin.createTopics([{ name: topic, partitions: 1 }])
  return (await ask()) ?? 1
}

class Writing {
  /** Lines, all records, that the broker has. */
  durable = 0
  #count = 0
  readonly #producer: Producer
  readonly #options: ProduceOptions
  readonly #partitions: number

  constructor(producer: Producer, options: ProduceOptions, partitions: number) {
    this.#producer = producer
    this.#options = options
    this.#partitions = partitions
  }

  async add(line: Buffer): Promise<void> {
    try {
      this.#append(this.#options.read(line))
    } catch (thrown) {
      await this.refuse(thrown)
    }
    this.#count++
    if (this.#producer.bufferedBytes > bufferedBytes) await this.flush()
  }

  /** Ends at the next line, because of what was thrown. What was read before is durable by then. */
  async refuse(thrown: unknown): Promise<never> {
    if (thrown instanceof RiachoError && thrown.code === 'RIACHO_PRODUCE') throw thrown
    await this.flush()
    const { from } = this.#options
    const where = `${from === '-' ? 'standard input' : from}, line ${this.#count + 1}`
    const before = this.durable === 0 ? 'nothing was written' : `the ${this.durable} lines before it were written, nothing after them`
    throw failure('RIACHO_INPUT', `${where}: ${reasonOf(thrown)}; ${before}: correct it and go on from there`, thrown)
  }

  async flush(): Promise<void> {
    try {
      await this.#producer.flush()
    } catch (thrown) {
      const rest = this.durable === this.#count ? 'and no more' : `lines ${this.durable + 1} to ${this.#count} may be, in part`
      throw failure('RIACHO_PRODUCE', `${this.durable} lines were written, ${rest}: ${reasonOf(thrown)}`, thrown)
    }
    this.durable = this.#count
  }

  close(): Promise<void> {
    return this.#producer.close()
  }

  #append({ key, value, headers = [], timestamp, partition }: LineRecord): void {
    const { topic, headers: added = [], timestamp: time = Date.now(), partition: chosen } = this.#options
    const to = partition ?? chosen ?? (key === null ? this.#count % this.#partitions : partitionOf(key, this.#partitions))
    if (to >= this.#partitions) throw new RangeError(`${topic} has no partition ${to}: it has ${this.#partitions}`)
    this.#producer.partition({ topic, partition: to }).append(timestamp ?? time, key, value, [...headers, ...added])
  }
}
