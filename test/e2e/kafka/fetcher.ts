import { setTimeout as sleep } from 'node:timers/promises'
import { compressionsAlgorithmsByBitmask } from '@platformatic/kafka'
import {
  BatchCursor,
  type BrokerError,
  type Fetcher,
  type FetchOptions,
  type RecordBatches,
  type RecordCursor,
  type TopicPartition,
} from '@riacho/streams/engine'
import { failureAt, failureOf } from './failure.ts'
import { endOf, type FetchedPartition, fetchRequest } from './fetch-answer.ts'
import type { Link } from './link.ts'
import { byTopic, type TopicCache } from './topics.ts'

/** Milliseconds for which the broker may hold a fetch: a partition that is added meanwhile waits as long. */
const wireWait = 100
/** Milliseconds before a fetch that failed is made again. */
const retryPause = 50

/** A partition that is read. A seek replaces it, so that what is on the way for the old one is known to be stale. */
interface Reading extends TopicPartition {
  position: number
  paused: boolean
}

/** The Fetcher of one Kafka node: at most one fetch on the way, at most one slice of each partition waiting. */
export class KafkaFetcher implements Fetcher {
  readonly #link: Link
  readonly #topics: TopicCache
  readonly #options: FetchOptions
  /** In the order in which they take turns: who was served goes to the end. */
  readonly #readings = new Map<string, Reading>()
  readonly #waiting = new Map<Reading, RecordBatches>()
  #fetching: Promise<void> | undefined
  #failure: BrokerError | undefined
  #woken = false
  #wake: () => void = () => {}

  constructor(link: Link, topics: TopicCache, options: FetchOptions) {
    this.#link = link
    this.#topics = topics
    this.#options = options
  }

  add(at: TopicPartition, offset: number): void {
    this.#readings.set(keyOf(at), { topic: at.topic, partition: at.partition, position: offset, paused: false })
    this.#wake()
  }

  remove(at: TopicPartition): void {
    const reading = this.#readings.get(keyOf(at))
    if (reading === undefined) return
    this.#readings.delete(keyOf(at))
    this.#waiting.get(reading)?.release()
    this.#waiting.delete(reading)
  }

  pause(at: TopicPartition): void {
    this.#reading(at).paused = true
  }

  resume(at: TopicPartition): void {
    this.#reading(at).paused = false
    this.#wake()
  }

  seek(at: TopicPartition, offset: number): void {
    const { paused } = this.#reading(at)
    this.remove(at)
    this.add(at, offset)
    this.#reading(at).paused = paused
  }

  async poll(maxWait: number): Promise<readonly RecordBatches[]> {
    const deadline = Date.now() + maxWait
    for (let last = false; ; last = Date.now() >= deadline) {
      this.#fetch(Math.max(Math.min(deadline - Date.now(), wireWait), 0))
      if (this.#waiting.size === 0 || !this.#anyReady()) await this.#change(last ? 0 : deadline - Date.now())
      // Before what is ready: busy partitions must not hide the one that failed.
      this.#throwFailure(last)
      const ready = this.#take()
      if (ready.length > 0) return ready
      if (last || this.#woken) {
        this.#woken = false
        return []
      }
    }
  }

  wake(): void {
    this.#woken = true
    this.#wake()
  }

  close(): void {
    for (const reading of [...this.#readings.values()]) this.remove(reading)
    this.wake()
    void this.#link.close()
  }

  #reading(at: TopicPartition): Reading {
    const reading = this.#readings.get(keyOf(at))
    if (reading === undefined) throw new RangeError(`${keyOf(at)} is not read by this fetcher: add it first`)
    return reading
  }

  #anyReady(): boolean {
    for (const reading of this.#waiting.keys()) if (!reading.paused) return true
    return false
  }

  /** Resolves when a fetch ends, when woken, and after `wait` milliseconds. */
  #change(wait: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, Math.max(wait, 0))
      const done = () => {
        clearTimeout(timer)
        resolve()
      }
      this.#wake = done
      void this.#fetching?.then(done)
      if (this.#woken) done()
    })
  }

  #take(): RecordBatches[] {
    const ready: RecordBatches[] = []
    for (const [reading, slice] of this.#waiting) {
      if (reading.paused) continue
      this.#waiting.delete(reading)
      this.#readings.delete(keyOf(reading))
      this.#readings.set(keyOf(reading), reading)
      ready.push(slice)
    }
    return ready
  }

  /** A failure that passes is tried again until the poll's time is over. */
  #throwFailure(last: boolean): void {
    const failure = this.#failure
    if (failure === undefined || (failure.retriable && (!last || this.#anyReady()))) return
    this.#failure = undefined
    throw failure
  }

  #fetch(wait: number): void {
    if (this.#fetching !== undefined) return
    const wanted = [...this.#readings.values()].filter(reading => !reading.paused && !this.#waiting.has(reading))
    if (wanted.length === 0) return
    this.#failure = undefined
    this.#fetching = this.#read(wanted, wait)
      .catch((thrown: unknown) => {
        this.#failure = failureOf(thrown)
        this.#topics.forget()
        return this.#failure.retriable ? sleep(retryPause) : undefined
      })
      .finally(() => {
        this.#fetching = undefined
      })
  }

  async #read(wanted: readonly Reading[], wait: number): Promise<void> {
    const topics = await this.#topics.get(wanted.map(reading => reading.topic))
    const groups = [...byTopic(wanted)].map(([name, partitions]) => ({ id: topics.get(name)!.id, partitions }))
    const answer = await this.#link.send(
      fetchRequest(groups, {
        wait,
        bytesMax: this.#options.bytesMax ?? 16 << 20,
        partitionBytesMax: this.#options.partitionBytesMax ?? 1 << 20,
        committed: this.#options.isolation === 'read_committed',
      }),
    )
    const readings = new Map(groups.flatMap(group => group.partitions.map(reading => [`${group.id}/${reading.partition}`, reading])))
    let failure: BrokerError | undefined
    for (const fetched of answer) failure = this.#accept(readings.get(`${fetched.topicId}/${fetched.partition}`)!, fetched) ?? failure
    if (failure !== undefined) throw failure
  }

  #accept(reading: Reading, fetched: FetchedPartition): BrokerError | undefined {
    // Removed or sought while the fetch was on the way.
    if (this.#readings.get(keyOf(reading)) !== reading) return undefined
    if (fetched.errorCode !== 0) return failureAt(fetched.errorCode, reading)
    const end = endOf(fetched.batches, reading.position)
    if (end === reading.position) return undefined
    this.#waiting.set(reading, new Slice(reading, fetched, this.#options.isolation === 'read_committed'))
    reading.position = end
    return undefined
  }
}

/** What one fetch brought of one partition. */
class Slice implements RecordBatches {
  readonly topic: string
  readonly partition: number
  readonly bytes: number
  readonly highWatermark: number
  readonly lastStable: number
  readonly cursor: () => RecordCursor
  readonly #frame: Buffer

  constructor(reading: Reading, fetched: FetchedPartition, committed: boolean) {
    const from = reading.position
    this.topic = reading.topic
    this.partition = reading.partition
    this.bytes = fetched.batches.length
    this.highWatermark = fetched.highWatermark
    this.lastStable = fetched.lastStable
    this.#frame = fetched.batches
    this.cursor = () =>
      new BatchCursor(fetched.batches, 0, fetched.batches.length, from, {
        aborted: committed ? fetched.aborted : undefined,
        decompress,
        checkCrc: true,
      })
  }

  /** The library's transport does not use the frame again; whoever kept a view must notice all the same. */
  release(): void {
    this.#frame.fill(0xdb)
  }
}

const decompress = (codec: number, frame: Buffer, start: number, end: number): Buffer =>
  compressionsAlgorithmsByBitmask[codec]!.decompressSync(frame.subarray(start, end))

const keyOf = (at: TopicPartition): string => `${at.topic}/${at.partition}`
