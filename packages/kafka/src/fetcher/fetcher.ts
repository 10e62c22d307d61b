import type { BrokerError, Fetcher, FetchOptions, RecordBatches, TopicPartition } from '@riacho/streams/engine'
import { failureAt, failureOf, KafkaError } from '../errors.ts'
import type { Cluster, Place } from '../metadata/cluster.ts'
import { keyOf } from '../metadata/partitions.ts'
import type { Links } from '../transport/links.ts'
import { endOf, type Fetched, type FetchedPartition, fetchRequest, formatOf } from './answer.ts'
import { type Frame, Frames } from './frames.ts'
import { Slice } from './slice.ts'

/** What a fetcher needs beside its options. */
export interface FetcherHome {
  readonly cluster: Cluster
  /**
   * A broker answers the fetches of a connection one after another, and holds one that finds nothing. So there are two ways to each broker: what is added or resumed while
   * the first waits goes by the second.
   */
  readonly lanes: readonly Links[]
  /** Milliseconds for which a failure that passes is kept from `poll`. */
  readonly retryForMs: number
  readonly poisonLoans: boolean
  closed(fetcher: Fetcher): void
}

/** Milliseconds for which the broker holds a fetch that finds nothing, by lane. */
const laneWaitsMs = [500, 100]
/** Milliseconds before what failed is tried again. */
const retryPauseMs = 50
/** Frames in use from which on slices that are a small part of theirs are lent as copies: then few slow readers do not hold up many frames. */
const framesMax = 8
const smallShare = 0.25
/** Most memory of copies that is kept for later. */
export const copiesBytesMax = 32 << 20
const bytesMax = 16 << 20
const partitionBytesMax = 1 << 20

/** Of these the partition is told at each poll, until it is sought or removed; the others are tried again. */
const onlyASeekHelps = new Set(['OFFSET_OUT_OF_RANGE', 'TOPIC_RECREATED', 'UNSUPPORTED_FOR_MESSAGE_FORMAT'])

/** A partition that is read. A seek replaces it, so that what is on the way for the old one is known to be stale. */
interface Reading extends TopicPartition {
  position: number
  paused: boolean
  /** A fetch is on the way. */
  asked: boolean
  /** The broker that was asked last. */
  broker: number
  /** The id that the topic had when it was first asked for: a position means nothing in another topic of the same name. */
  topicId: string | undefined
  waiting: Slice | undefined
  /** Told by `poll`. */
  failure: BrokerError | undefined
  /** Since when a failure that passes has lasted. */
  failingSince: number
}

/** The Fetcher of a Kafka cluster: fetches ahead one slice of each partition, from all leaders at the same time. */
export class KafkaFetcher implements Fetcher {
  readonly #home: FetcherHome
  readonly #committed: boolean
  readonly #bytesMax: number
  readonly #partitionBytesMax: number
  readonly #frames = new Frames()
  /** Of slices that were moved out of theirs. */
  readonly #copies = new Frames(copiesBytesMax, 0)
  /** In the order in which they take turns: who was served goes to the end. */
  readonly #readings = new Map<string, Reading>()
  /** Which lanes to which brokers are busy. */
  readonly #busy = new Set<string>()
  #lookingUp = false
  #scheduled = false
  #woken = false
  #polling = false
  #closed = false
  #change: () => void = () => {}

  constructor(home: FetcherHome, options: FetchOptions) {
    this.#home = home
    this.#committed = options.isolation === 'read_committed'
    this.#bytesMax = options.bytesMax ?? bytesMax
    this.#partitionBytesMax = options.partitionBytesMax ?? partitionBytesMax
  }

  add(at: TopicPartition, offset: number): void {
    this.remove(at)
    const { topic, partition } = at
    const fresh = { paused: false, asked: false, broker: -1, topicId: undefined, waiting: undefined, failure: undefined, failingSince: 0 }
    this.#readings.set(keyOf(at), { topic, partition, position: offset, ...fresh })
    this.#schedule()
  }

  remove(at: TopicPartition): void {
    const reading = this.#readings.get(keyOf(at))
    if (reading === undefined) return
    this.#readings.delete(keyOf(at))
    reading.waiting?.release()
    reading.waiting = undefined
  }

  pause(at: TopicPartition): void {
    this.#reading(at).paused = true
  }

  resume(at: TopicPartition): void {
    this.#reading(at).paused = false
    this.#change()
    this.#schedule()
  }

  seek(at: TopicPartition, offset: number): void {
    const { paused } = this.#reading(at)
    this.add(at, offset)
    this.#reading(at).paused = paused
  }

  async poll(maxWait: number): Promise<readonly RecordBatches[]> {
    if (this.#closed) throw new KafkaError('CLOSED', 'the fetcher is closed')
    if (this.#polling) throw new KafkaError('POLL_BUSY', 'a poll waits already: await it first')
    this.#polling = true
    try {
      return await this.#ready(Date.now() + maxWait)
    } finally {
      this.#polling = false
    }
  }

  async #ready(deadline: number): Promise<readonly RecordBatches[]> {
    for (;;) {
      // Before what is ready: busy partitions must not hide the one that failed.
      this.#throwFailure()
      const ready = this.#take()
      this.#pump()
      const left = deadline - Date.now()
      if (ready.length > 0 || this.#woken || this.#closed || left <= 0) {
        this.#woken = false
        return ready
      }
      await this.#changed(left)
    }
  }

  wake(): void {
    this.#woken = true
    this.#change()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const reading of [...this.#readings.values()]) this.remove(reading)
    for (const links of this.#home.lanes) links.close()
    this.#change()
    this.#home.closed(this)
  }

  #reading(at: TopicPartition): Reading {
    const reading = this.#readings.get(keyOf(at))
    if (reading === undefined) throw new KafkaError('NOT_FETCHED', `${keyOf(at)} is not read by this fetcher: add it first`)
    return reading
  }

  #changed(wait: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, Math.min(wait, 2 ** 31 - 1))
      this.#change = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** What waits, up to the limit of a poll. */
  #take(): RecordBatches[] {
    const ready: Slice[] = []
    let bytes = 0
    for (const [key, reading] of [...this.#readings]) {
      const slice = reading.waiting
      if (slice === undefined || reading.paused || (ready.length > 0 && bytes + slice.bytes > this.#bytesMax)) continue
      bytes += slice.bytes
      reading.waiting = undefined
      this.#readings.delete(key)
      this.#readings.set(key, reading)
      if (this.#frames.lent > framesMax && slice.share < smallShare) slice.moveOut(this.#copies)
      ready.push(slice)
    }
    return ready
  }

  #throwFailure(): void {
    for (const reading of this.#readings.values()) {
      const { failure } = reading
      if (failure === undefined || (failure.retriable && Date.now() - reading.failingSince < this.#home.retryForMs)) continue
      if (!onlyASeekHelps.has(failure.code)) reading.failure = undefined
      throw failure
    }
  }

  /** What is added or resumed in one turn is fetched together. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#pump()
    })
  }

  /** Sends what can be fetched on its way. */
  #pump(): void {
    if (this.#closed) return
    const wanted = new Map<number, { reading: Reading; id: string }[]>()
    const lost = new Set<string>()
    const untaken = new Set<number>()
    for (const reading of this.#readings.values()) {
      // The next fetch goes out when what the last one brought is taken: then it is whole again.
      if (reading.waiting !== undefined && !reading.paused) untaken.add(reading.broker)
      if (reading.paused || reading.asked || reading.waiting !== undefined || reading.failure?.retriable === false) continue
      const place: Place | undefined = this.#home.cluster.placeOf(reading)
      if (place === undefined) lost.add(reading.topic)
      else if (reading.topicId !== undefined && reading.topicId !== place.topicId) this.#fail(reading, recreated(reading))
      else wanted.set(place.leader, [...(wanted.get(place.leader) ?? []), { reading, id: place.topicId }])
    }
    if (lost.size > 0) void this.#lookUp(lost)
    for (const [broker, list] of wanted) if (!untaken.has(broker)) this.#send(broker, list)
  }

  /** Asks where partitions are; those that stay lost fail. */
  async #lookUp(topics: ReadonlySet<string>): Promise<void> {
    if (this.#lookingUp) return
    this.#lookingUp = true
    const { cluster, lanes } = this.#home
    try {
      const failure = await cluster.topics(topics).then(() => undefined, failureOf)
      const lost = [...this.#readings.values()].filter(each => topics.has(each.topic) && cluster.placeOf(each) === undefined)
      for (const reading of lost)
        this.#fail(reading, failure ?? new KafkaError('LEADER_NOT_AVAILABLE', `${keyOf(reading)} has no leader`, { at: reading }))
      if (lost.length > 0) {
        cluster.forget(topics)
        await lanes[0]!.pause(retryPauseMs)
      }
    } catch {
      // Closed meanwhile.
    } finally {
      this.#lookingUp = false
    }
    this.#pump()
  }

  #send(broker: number, wanted: readonly { readonly reading: Reading; readonly id: string }[]): void {
    const lane = this.#home.lanes.findIndex((_, i) => !this.#busy.has(`${broker}/${i}`))
    if (lane < 0) return
    const key = `${broker}/${lane}`
    this.#busy.add(key)
    for (const { reading, id } of wanted) {
      reading.asked = true
      reading.broker = broker
      reading.topicId = id
    }
    void this.#fetch(broker, lane, wanted)
      .catch(() => undefined)
      .then(() => {
        this.#busy.delete(key)
        this.#pump()
      })
  }

  async #fetch(broker: number, lane: number, wanted: readonly { readonly reading: Reading; readonly id: string }[]): Promise<void> {
    const links = this.#home.lanes[lane]!
    const topics = [...Map.groupBy(wanted, ({ id }) => id)].map(([id, list]) => ({ id, partitions: list.map(({ reading }) => reading) }))
    const { frame, request } = fetchRequest(this.#frames, topics, {
      waitMs: laneWaitsMs[lane]!,
      bytesMax: this.#bytesMax,
      partitionBytesMax: this.#partitionBytesMax,
      committed: this.#committed,
    })
    const answer = await links.send(broker, request).catch(failureOf)
    for (const { reading } of wanted) reading.asked = false
    const failed =
      answer instanceof Error ? wanted.map(({ reading }) => this.#fail(reading, answer)) : this.#accept(answer, frame()!, wanted)
    frame()?.release()
    this.#change()
    if (failed.length > 0) await links.pause(retryPauseMs)
  }

  /** Takes what came; gives those that failed. */
  #accept({ body, partitions }: Fetched, frame: Frame, wanted: readonly { readonly reading: Reading; readonly id: string }[]): Reading[] {
    const readings = new Map(wanted.map(({ reading, id }) => [`${id}/${reading.partition}`, reading]))
    const failed: Reading[] = []
    for (const fetched of partitions) {
      const reading = readings.get(`${fetched.topicId}/${fetched.partition}`)
      // Removed or sought while the fetch was on the way.
      if (reading === undefined || this.#readings.get(keyOf(reading)) !== reading) continue
      if (fetched.errorCode !== 0) failed.push(this.#fail(reading, failureAt(fetched.errorCode, reading)))
      else if (!this.#keep(reading, fetched, frame, body)) failed.push(reading)
    }
    // What nobody wants at the moment does not hold up a frame when few are left.
    if (this.#frames.lent > framesMax)
      for (const { paused, waiting } of this.#readings.values())
        if (paused && waiting !== undefined && waiting.share < 1) waiting.moveOut(this.#copies)
    return failed
  }

  /** Gives false when what came cannot be read. */
  #keep(reading: Reading, fetched: FetchedPartition, frame: Frame, body: Buffer): boolean {
    const from = reading.position
    const end = endOf(body, fetched, from)
    if (fetched.end > fetched.start && formatOf(body, fetched) !== 2) this.#fail(reading, oldFormat(reading, from))
    else if (fetched.end > fetched.start && end === from) this.#fail(reading, noBatch(reading, from))
    else {
      reading.failure = undefined
      if (end === from) return true
      const facts = { topic: reading.topic, from, committed: this.#committed, poison: this.#home.poisonLoans }
      reading.waiting = new Slice(facts, fetched, frame, body.subarray(fetched.start, fetched.end))
      reading.position = end
      return true
    }
    return false
  }

  #fail(reading: Reading, failure: BrokerError): Reading {
    this.#home.cluster.noted(failure, [reading.topic])
    if (reading.failure === undefined) reading.failingSince = Date.now()
    reading.failure = failure
    if (!failure.retriable) this.#change()
    return reading
  }
}

const recreated = (at: TopicPartition): KafkaError =>
  new KafkaError(
    'TOPIC_RECREATED',
    `${at.topic} was deleted and created again while it was read: what was read is gone. Seek to where the new one should be read from`,
    { at: { topic: at.topic, partition: at.partition } },
  )

const oldFormat = (at: TopicPartition, offset: number): KafkaError =>
  new KafkaError(
    'UNSUPPORTED_FOR_MESSAGE_FORMAT',
    `${keyOf(at)} has a message of a format before 2 at offset ${offset}, as producers before Kafka 0.11 wrote them: copy the topic by Kafka’s own tools, or seek behind it`,
    { at: { topic: at.topic, partition: at.partition } },
  )

const noBatch = (at: TopicPartition, offset: number): KafkaError =>
  new KafkaError('CORRUPT_MESSAGE', `the broker gave bytes of ${keyOf(at)} at offset ${offset} without one whole batch`, {
    at: { topic: at.topic, partition: at.partition },
  })
