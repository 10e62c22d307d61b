import { embedded } from '@riacho/embedded'
import { Engine, externalTopics, settings } from '@riacho/runtime'
import {
  type Admin,
  asOneTask,
  type Broker,
  type CommittedOffset,
  type Headers,
  type Producer,
  RiachoError,
  type Store,
  type StoreSuppliers,
  type Topology,
} from '@riacho/streams/engine'
import { FakeClock } from './fake-clock.ts'
import { recorded, type SentRecord } from './recorded.ts'

/** A record to process, as its topic would hold it. */
export interface InputRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  /** Epoch milliseconds. */
  readonly timestamp: number
  readonly headers?: Headers
}

/** Options of a test driver. */
export interface TestDriverOptions {
  /** Wall clock at the start, epoch milliseconds. Default 0. */
  readonly wallClock?: number
  readonly guarantee?: 'at-least-once' | 'exactly-once'
  readonly keepStreamTime?: boolean
  /** Keeps rows elsewhere than in memory. */
  readonly stores?: StoreSuppliers
  /** A broker that a driver before this one used: state and offsets go on from there. */
  readonly broker?: Broker
}

/**
 * Runs a topology on the real engine with the embedded broker in memory and a clock that stands still: one task, one partition per topic, a commit after each record
 * (Kafka Streams: `TopologyTestDriver`). Values that user code is given are frozen.
 */
export interface TestDriver {
  readonly clock: FakeClock
  readonly broker: Broker
  /** Processes one record and everything that it causes. Rejects with the error that stopped the task. */
  pipe(topic: string, record: InputRecord): Promise<void>
  /** Moves the wall clock, calls the punctuators that are due, and processes what they cause. */
  advance(milliseconds: number): Promise<void>
  /** Everything sent to any topic since the last call: sinks, repartitions, changelogs, dead letters, in order. */
  sent(): readonly SentRecord[]
  /** A store of the task, or of a global table. */
  store(name: string): Store | undefined
  /** Records dropped, by reason. */
  dropped(): Readonly<Record<string, number>>
  /** What the last commit says of a topic. */
  committed(topic: string, partition?: number): CommittedOffset | undefined
  close(): Promise<void>
}

/** Makes a test driver of a topology. Connectors are not for it: pipe into topics. */
export async function testDriver(topology: Topology, options: TestDriverOptions = {}): Promise<TestDriver> {
  const clock = new FakeClock(options.wallClock ?? 0)
  const broker = options.broker ?? (await embedded({ clock, poisonLoans: true }))
  const sent: SentRecord[] = []
  const plan = asOneTask(topology)
  await broker.admin.createTopics(externalTopics(plan).map(name => ({ name, partitions: 1 })))
  const engine = new Engine(
    plan,
    settings({
      broker: { ...recorded(broker, record => sent.push(record)), admin: creating(broker.admin) },
      clock,
      commitIntervalMs: 0,
      guarantee: options.guarantee ?? 'at-least-once',
      keepStreamTime: options.keepStreamTime ?? false,
      ...(options.stores && { stores: options.stores }),
      strict: true,
    }),
  )
  await engine.join(
    work => work(),
    () => {},
  )
  return new Driver(engine, broker, clock, sent, await broker.producer({}))
}

/** Topics that a function chooses per record exist as soon as they are asked for: a test cannot name them before. */
const creating = (admin: Admin): Admin => ({
  createTopics: topics => admin.createTopics(topics),
  partitions: async topics => {
    await admin.createTopics(topics.map(name => ({ name, partitions: 1 })))
    return admin.partitions(topics)
  },
  offsets: of => admin.offsets(of),
  committed: (group, of) => admin.committed(group, of),
  deleteRecords: before => admin.deleteRecords(before),
})

class Driver implements TestDriver {
  readonly clock: FakeClock
  readonly broker: Broker
  readonly #engine: Engine
  readonly #producer: Producer
  #sent: SentRecord[]
  #committed: readonly CommittedOffset[] = []

  constructor(engine: Engine, broker: Broker, clock: FakeClock, sent: SentRecord[], producer: Producer) {
    this.#engine = engine
    this.broker = broker
    this.clock = clock
    this.#sent = sent
    this.#producer = producer
  }

  async pipe(topic: string, { key, value, timestamp, headers }: InputRecord): Promise<void> {
    if (this.#engine.failure !== undefined) throw this.#engine.failure
    this.#producer.partition({ topic, partition: 0 }).append(timestamp, key, value, headers)
    await this.#producer.flush()
    await this.#settle()
  }

  async advance(milliseconds: number): Promise<void> {
    this.clock.advance(milliseconds)
    this.#engine.punctuate()
    await this.#step()
    await this.#settle()
  }

  sent(): readonly SentRecord[] {
    return this.#sent.splice(0)
  }

  store(name: string): Store | undefined {
    return this.#engine.store(name)
  }

  dropped(): Readonly<Record<string, number>> {
    return { ...this.#engine.counters.dropped }
  }

  committed(topic: string, partition = 0): CommittedOffset | undefined {
    return this.#committed.find(offset => offset.topic === topic && offset.partition === partition)
  }

  async close(): Promise<void> {
    await this.#patiently(this.#engine.close())
    await this.#producer.close()
  }

  /** Takes one record at a time, each with its punctuators and its commit, until nothing is left. */
  async #settle(): Promise<void> {
    for (;;) {
      await this.#engine.fetch(0)
      const taken = this.#engine.tasks.reduce((sum, task) => sum + task.run(1, Number.POSITIVE_INFINITY), 0)
      if (taken === 0 && this.#engine.failure === undefined && this.#engine.tasks.every(task => !task.dirty)) break
      for (const task of this.#engine.tasks) task.punctuate('stream')
      await this.#step()
    }
    this.#committed = await this.#engine.committed()
  }

  async #step(): Promise<void> {
    if (this.#engine.failure !== undefined) throw this.#engine.failure
    await this.#patiently(this.#engine.commitDue(true))
    if (this.#engine.failure !== undefined) throw this.#engine.failure
  }

  /** Waits for work that may itself wait for the clock: whoever sleeps is woken when nothing else has moved for a while. */
  async #patiently(work: Promise<void>): Promise<void> {
    let settled = false
    const done = work.finally(() => {
      settled = true
    })
    done.catch(() => {})
    for (let idle = 0; !settled; idle++) {
      await new Promise(resolve => (idle < 20 ? setImmediate(resolve) : setTimeout(resolve, 2)))
      if (settled || idle < 40) continue
      const next = this.clock.next
      if (next === undefined && idle > 5000)
        throw new RiachoError(
          'RIACHO_ASYNC_LIMIT',
          'the test driver waits for asynchronous work that does not end: does its promise settle?',
        )
      if (next !== undefined) this.clock.advance(next)
      idle = next === undefined ? idle : 0
    }
    await done
  }
}
