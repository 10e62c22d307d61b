import {
  type Fetcher,
  RiachoError,
  type Store,
  type StoreSpec,
  type TableView,
  type TopicPartition,
  type Topology,
} from '@riacho/streams/engine'
import { Patience } from '../loop/patience.ts'
import type { Counters } from '../observe/counters.ts'
import type { Settings } from '../options.ts'
import type { Input } from '../task/input.ts'
import { Copy } from './copy.ts'

/** What one turn may read: applying it must not hold up the tasks for long. */
const fetched = { isolation: 'read_committed', bytesMax: 2 << 20, partitionBytesMax: 1 << 20 } as const

/** One partition of a global table. */
interface Reading {
  readonly copy: Copy
  readonly input: Input
}

/**
 * The global tables of one instance of an application, which its tasks share (Kafka Streams: `GlobalStreamThread`): one reader outside the tasks, in no group, reads all
 * their partitions, at every start from the beginning. Its positions are kept nowhere, and what it has put is never taken back.
 */
export class GlobalTables {
  readonly #settings: Settings
  readonly #fetcher: Fetcher
  readonly #copies = new Map<string, Copy>()
  readonly #readings = new Map<string, Reading>()
  readonly #away: Patience

  constructor({ id, globals }: Topology, counts: ReadonlyMap<string, number>, settings: Settings, counters: Counters) {
    this.#settings = settings
    this.#fetcher = settings.broker.fetcher(fetched)
    this.#away = new Patience(settings.clock, settings.limits.brokerAwayMs, settings.log)
    for (const facts of globals) {
      const topic = facts.source.topics[0]!
      const copy = new Copy(facts, counts.get(topic) ?? 0, id, settings, counters)
      this.#copies.set(facts.store.name, copy)
      for (const input of copy.inputs) this.#readings.set(nameOf(input.at), { copy, input })
    }
  }

  /** Reads all tables as far as they are committed just now, unless it is `over` before; nothing may be processed before. Throws what stops the application. */
  async load(over: () => boolean): Promise<void> {
    const { broker, clock, limits, log } = this.#settings
    const ends = await broker.admin.offsets([...this.#readings.values()].map(({ input }) => input.at))
    const left = new Map<Input, number>()
    for (const { start, lastStable, ...at } of ends) {
      const { input } = this.#readings.get(nameOf(at))!
      input.goOn(start)
      this.#fetcher.add(input.at, start)
      left.set(input, lastStable)
    }
    for (let progress = clock.now(); ; ) {
      for (const [input, end] of left) if (input.position >= end) left.delete(input)
      if (left.size === 0) break
      if (over()) return
      if (await this.#read(100)) progress = clock.now()
      else if (clock.now() - progress > limits.restoreStallMs) throw stalled([...left][0]!)
    }
    const records = [...this.#copies.values()].reduce((sum, { applied }) => sum + applied, 0)
    log({ level: 'info', message: 'global tables loaded', tables: this.#copies.size, records })
  }

  /** Puts what has come meanwhile. A broker that is away is borne. */
  async follow(): Promise<void> {
    try {
      await this.#read(0)
      this.#away.over()
    } catch (error) {
      this.#away.bear(error, 'global tables cannot be read')
    }
  }

  /** The rows of the table with this store. */
  view({ name }: StoreSpec): TableView<never, unknown> {
    return this.#copies.get(name)!.rows.view
  }

  store(name: string): Store | undefined {
    return this.#copies.get(name)?.rows.store
  }

  /** What is left to read, by partition. */
  async lag(): Promise<readonly { topic: string; partition: number; records: number }[]> {
    const inputs = [...this.#readings.values()].map(({ input }) => input)
    const ends = await this.#settings.broker.admin.offsets(inputs.map(({ at }) => at))
    return inputs.map(({ at, position }, i) => ({ ...at, records: Math.max(0, (ends[i]?.lastStable ?? 0) - position) }))
  }

  close(): void {
    for (const { input } of this.#readings.values()) input.clear()
    this.#fetcher.close()
    for (const { rows } of this.#copies.values()) rows.store.close?.()
  }

  /** Returns whether anything was put. */
  async #read(maxWait: number): Promise<boolean> {
    for (const batches of await this.#fetcher.poll(maxWait)) this.#readings.get(nameOf(batches))!.input.add(batches)
    let moved = false
    for (const { copy, input } of this.#readings.values()) {
      if (input.empty || input.waiting) continue
      const { position } = input
      copy.apply(input)
      if (input.position > position) moved = true
      // While a record waits no more is read behind it.
      if (input.waiting !== input.paused) this.#fetcher[input.waiting ? 'pause' : 'resume'](input.at)
      input.paused = input.waiting
    }
    return moved
  }
}

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}-${partition}`

function stalled([{ at, position, waiting }, end]: readonly [Input, number]): RiachoError {
  const why = waiting ? 'is the schema registry away?' : 'is the broker away?'
  return new RiachoError(
    'RIACHO_RESTORE_STALLED',
    `loading the global table ${at.topic} stands at offset ${position} of ${end} in partition ${at.partition}: ${why}`,
    { place: at },
  )
}
