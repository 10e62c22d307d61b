import type { Fetcher, FetchOptions, RecordBatches, TopicPartition } from '@riacho/streams/engine'
import type { ConfluentAdmin } from './admin.ts'
import { called, type DriverConsumer, type DriverMessage, type DriverOffset } from './driver.ts'
import { ConfluentError } from './errors.ts'
import type { Home } from './home.ts'
import { Lane } from './lane.ts'

const partitionBytesMax = 1 << 20
const bytesMax = 8 << 20
/** Records that are asked of the driver at once: it makes an object of each. */
const messagesMax = 1000
/** What the driver may keep ready. */
const readyKilobytes = 16_384
/** A partition without progress for so long is looked at: the driver forgets to tell some failures. */
const stillMs = 5000

/** What a fetcher needs of its broker. */
export interface FetcherHome {
  readonly home: Home
  readonly admin: ConfluentAdmin
  /** It is closed when `gone` has resolved. */
  closed(fetcher: Fetcher, gone: Promise<void>): void
}

/**
 * Reads partitions that are assigned by hand. The driver gives records as they come, so what a poll may not hand out waits in lanes, one for each partition. Calls into the driver
 * that move a partition are made between two calls that read: so no record of before a move is taken for one behind it.
 */
export class ConfluentFetcher implements Fetcher {
  readonly #home: FetcherHome
  readonly #consumer: DriverConsumer
  readonly #connected: Promise<unknown>
  readonly #partitionBytesMax: number
  readonly #bytesMax: number
  readonly #lanes = new Map<string, Lane[]>()
  /** In their turn. */
  #turns: Lane[] = []
  /** Assigned in the driver, but not wanted any more. */
  #dropped: TopicPartition[] = []
  #woken = false
  #closed = false
  /** The driver said that it has something, or a call changed what is wanted. */
  #stirred = false
  #stir: () => void = () => {}
  #reading: Promise<unknown> = Promise.resolve()
  #looked = 0

  constructor(fetcherHome: FetcherHome, options: FetchOptions) {
    this.#home = fetcherHome
    this.#partitionBytesMax = options.partitionBytesMax ?? partitionBytesMax
    this.#bytesMax = options.bytesMax ?? bytesMax
    const { home } = fetcherHome
    const { settings } = home
    const own = {
      // The driver wants a name; nobody joins this group.
      'group.id': `${String(settings.client['client.id'])}-reader`,
      'enable.auto.commit': false,
      'enable.auto.offset.store': false,
      'enable.partition.eof': true,
      'isolation.level': options.isolation,
      'fetch.message.max.bytes': Math.max(1024, this.#partitionBytesMax),
      'fetch.wait.max.ms': 500,
      'queued.max.messages.kbytes': readyKilobytes,
      'fetch.queue.backoff.ms': 10,
      queue_non_empty_cb: () => this.#awake(),
    }
    this.#consumer = home.made(
      () => new home.driver.KafkaConsumer({ ...settings.client, ...own, ...settings.last }, { 'auto.offset.reset': 'error' }),
    )
    this.#consumer.setDefaultConsumeTimeout(0)
    this.#consumer.on('event.error', () => {}) // What does not pass is told by `consume`.
    this.#consumer.on('partition.eof', end => this.#lane(end)?.ended(end.offset))
    this.#connected = called(done => this.#consumer.connect({ allTopics: false, timeout: settings.requestTimeoutMs }, done))
    this.#connected.catch(() => {}) // Whoever polls sees it.
  }

  add(at: TopicPartition, offset: number): void {
    this.remove(at)
    const lane = new Lane(at, offset)
    const partitions = this.#lanes.get(at.topic) ?? []
    partitions[at.partition] = lane
    this.#lanes.set(at.topic, partitions)
    this.#turns.push(lane)
    this.#awake()
  }

  remove(at: TopicPartition): void {
    const lane = this.#lane(at)
    if (lane === undefined) return
    delete this.#lanes.get(at.topic)![at.partition]
    this.#turns = this.#turns.filter(one => one !== lane)
    if (lane.assigned) this.#dropped.push({ topic: at.topic, partition: at.partition })
    this.#awake()
  }

  pause(at: TopicPartition): void {
    const lane = this.#lane(at)
    if (lane !== undefined) lane.paused = true
  }

  resume(at: TopicPartition): void {
    const lane = this.#lane(at)
    if (lane === undefined) return
    lane.paused = false
    this.#awake()
  }

  seek(at: TopicPartition, offset: number): void {
    this.#lane(at)?.move(offset)
    this.#awake()
  }

  wake(): void {
    this.#woken = true
    this.#awake()
  }

  async poll(maxWait: number): Promise<readonly RecordBatches[]> {
    const deadline = Date.now() + maxWait
    for (;;) {
      if (this.#closed || this.#woken) {
        this.#woken = false
        return []
      }
      const ready = this.#take()
      if (ready.length > 0) return ready
      this.#stirred = false
      this.#reading = this.#read()
      const came = await (this.#reading as Promise<number>)
      if (came > 0 || this.#turns.some(lane => !lane.paused && !lane.empty)) continue
      const left = deadline - Date.now()
      if (left <= 0) return []
      await this.#quiet(Math.min(left, stillMs))
      await this.#lookAtStill()
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#awake()
    const gone = this.#reading
      .catch(() => {})
      .then(() => this.#connected)
      .then(() => called(done => this.#consumer.disconnect(done)))
      .then(
        () => {},
        () => {},
      )
    this.#home.closed(this, gone)
  }

  /** Whole slices, one of each partition that has something, up to the limits. The next poll begins with the partition after the last one. */
  #take(): RecordBatches[] {
    for (const lane of this.#turns)
      if (lane.outOfRange && !lane.moved) {
        const { topic, partition, position } = lane
        const message = `partition ${partition} of ${topic} has no offset ${position}`
        throw new ConfluentError('OFFSET_OUT_OF_RANGE', message, { at: { topic, partition } })
      }
    const slices: RecordBatches[] = []
    let left = this.#bytesMax
    let last = -1
    for (const [i, lane] of this.#turns.entries()) {
      if (lane.paused || lane.moved || lane.empty) continue
      const { topic, partition } = lane
      const { highOffset } = this.#consumer.getWatermarkOffsets(topic, partition)
      const slice = lane.take(Math.min(left, this.#partitionBytesMax), slices.length === 0, highOffset)
      if (slice === undefined) continue
      slices.push(slice)
      lane.progress = Date.now()
      left -= slice.bytes
      last = i
      if (left <= 0) break
    }
    if (last >= 0) this.#turns = [...this.#turns.slice(last + 1), ...this.#turns.slice(0, last + 1)]
    return slices
  }

  /** Tells the driver what has changed, then takes what it has ready. */
  async #read(): Promise<number> {
    await this.#connected.catch((thrown: unknown) => {
      throw this.#home.home.failures.of(thrown)
    })
    if (this.#closed) return 0
    this.#steer()
    const messages = await called<readonly DriverMessage[]>(done => this.#consumer.consume(messagesMax, done)).catch((thrown: unknown) =>
      this.#failed(thrown),
    )
    let lane: Lane | undefined
    for (const message of messages) {
      if (lane === undefined || lane.partition !== message.partition || lane.topic !== message.topic) lane = this.#lane(message)
      lane?.add(message)
    }
    return messages.length
  }

  #steer(): void {
    const now = Date.now()
    const moved = this.#turns.filter(lane => lane.moved)
    const away = [...this.#dropped, ...moved.filter(lane => lane.assigned)].map(({ topic, partition }) => ({ topic, partition }))
    this.#dropped = []
    if (away.length > 0) this.#consumer.incrementalUnassign(away)
    if (moved.length > 0)
      this.#consumer.incrementalAssign(moved.map(({ topic, partition, position: offset }): DriverOffset => ({ topic, partition, offset })))
    for (const lane of moved) {
      lane.moved = lane.held = false
      lane.assigned = true
      lane.progress = now
    }
    const full = this.#turns.filter(lane => !lane.held && lane.paused && lane.bytes >= this.#partitionBytesMax)
    const free = this.#turns.filter(lane => lane.held && !lane.paused && lane.bytes === 0)
    for (const lane of full) lane.held = true
    for (const lane of free) lane.held = false
    if (full.length > 0) this.#consumer.pause(full.map(({ topic, partition }) => ({ topic, partition })))
    if (free.length > 0) this.#consumer.resume(free.map(({ topic, partition }) => ({ topic, partition })))
  }

  /** The driver does not say which partition is out of range: the cluster is asked. */
  async #failed(thrown: unknown): Promise<readonly DriverMessage[]> {
    const failure = this.#home.home.failures.of(thrown)
    if (failure.code !== 'OFFSET_OUT_OF_RANGE') {
      if (failure.retriable) return []
      throw failure
    }
    await this.#lookAt(this.#turns)
    return []
  }

  /** A failure that comes behind records is forgotten by the driver, and with a failure it forgets that partitions ended. */
  async #lookAtStill(): Promise<void> {
    const now = Date.now()
    if (now - this.#looked < stillMs) return
    this.#looked = now
    await this.#lookAt(this.#turns.filter(lane => !lane.paused && !lane.moved && lane.empty && now - lane.progress >= stillMs))
  }

  async #lookAt(lanes: readonly Lane[]): Promise<void> {
    const settled = lanes.filter(lane => !lane.moved && !lane.outOfRange)
    const ends = await this.#home.admin.offsets(settled)
    for (const [i, lane] of settled.entries()) {
      const { start, highWatermark, lastStable } = ends[i]!
      if (lane.moved || !lane.empty) continue
      lane.outOfRange = lane.position < start || lane.position > highWatermark
      if (lane.outOfRange) this.#awake()
      if (!lane.outOfRange && lane.position < lastStable && Date.now() - lane.progress >= stillMs) lane.move(lane.position)
    }
  }

  #lane({ topic, partition }: TopicPartition): Lane | undefined {
    return this.#lanes.get(topic)?.[partition]
  }

  #awake(): void {
    this.#stirred = true
    this.#stir()
  }

  /** Until something stirs. */
  async #quiet(ms: number): Promise<void> {
    if (this.#stirred) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#stir = resolve
    const timer = setTimeout(resolve, ms)
    await promise
    clearTimeout(timer)
    this.#stir = () => {}
  }
}
