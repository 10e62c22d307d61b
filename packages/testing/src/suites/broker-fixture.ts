import { randomUUID } from 'node:crypto'
import {
  type Broker,
  BrokerError,
  type Fetcher,
  type FetchOptions,
  type Headers,
  type Membership,
  type Producer,
  type RecordBatches,
  type TopicPartition,
} from '@riacho/streams/engine'
import type { TestFunctions } from './tests.ts'

/** A record as a test writes it down. */
export type Row = readonly [offset: number, key: string | null, value: string | null]

/** How long the suite waits for what must happen, in milliseconds. Generous: it is a limit, not a measure. */
export const patience = 20_000

/** One test's broker, with what the tests do again and again. */
export class BrokerFixture {
  broker: Broker
  readonly expect: TestFunctions['expect']
  readonly #reopen: ((broker: Broker) => Promise<Broker>) | undefined
  readonly #members: Membership[] = []

  constructor(broker: Broker, expect: TestFunctions['expect'], reopen: ((broker: Broker) => Promise<Broker>) | undefined) {
    this.broker = broker
    this.expect = expect
    this.#reopen = reopen
  }

  /** A fresh topic; the partition is 0. */
  async topic(partitions = 1): Promise<TopicPartition> {
    const topic = `suite-${randomUUID()}`
    await this.broker.admin.createTopics([{ name: topic, partitions }])
    return { topic, partition: 0 }
  }

  id(): string {
    return `suite-${randomUUID()}`
  }

  /** Writes values without keys, each of them a batch of its own, with a producer of their own. */
  async write(at: TopicPartition, ...values: string[]): Promise<void> {
    const producer = await this.broker.producer({})
    for (const value of values) {
      append(producer, at, value)
      await producer.flush()
    }
    await producer.close()
  }

  transactional(transactionalId = this.id(), transactionTimeout = 60_000): Promise<Producer> {
    return this.broker.producer({ transactionalId, transactionTimeout })
  }

  /**
   * What a fresh reader sees from `from` on. With read_committed it first waits until no transaction is open: a commit resolves when its
   * outcome is certain, and a cluster may write the markers that show it a moment later.
   */
  async read(at: TopicPartition, isolation: FetchOptions['isolation'] = 'read_committed', from = 0): Promise<readonly Row[]> {
    const deadline = Date.now() + patience
    for (;;) {
      const [ends] = await this.broker.admin.offsets([at])
      if (isolation === 'read_uncommitted' || ends!.lastStable === ends!.highWatermark)
        return this.#readTo(ends!.highWatermark, at, isolation, from)
      if (Date.now() > deadline) throw new Error(`a transaction in ${at.topic} stays open`)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }

  /** What a fresh read_committed reader sees while a transaction is open. */
  async readStable(at: TopicPartition): Promise<readonly Row[]> {
    const [ends] = await this.broker.admin.offsets([at])
    return this.#readTo(ends!.lastStable, at, 'read_committed', 0)
  }

  async #readTo(end: number, at: TopicPartition, isolation: FetchOptions['isolation'], from: number): Promise<readonly Row[]> {
    const fetcher = this.broker.fetcher({ isolation })
    fetcher.add(at, from)
    const rows: Row[] = []
    const deadline = Date.now() + patience
    for (let position = from; position < end; ) {
      if (Date.now() > deadline) throw new Error(`reading ${at.topic} stays at ${position} of ${end}`)
      for (const slice of await fetcher.poll(1000)) position = take(slice, rows)
    }
    fetcher.close()
    return rows
  }

  values(rows: readonly Row[]): readonly (string | null)[] {
    return rows.map(([, , value]) => value)
  }

  /** Joins a group and keeps a diary of its callbacks. */
  async member(group: string, topics: readonly string[], revoked?: (member: MemberDiary) => Promise<void>): Promise<MemberDiary> {
    const diary = new MemberDiary()
    diary.membership = await this.broker.join(
      { group, topics },
      {
        assigned: async partitions => {
          diary.assignments++
          diary.own([...diary.owned, ...partitions])
        },
        revoked: async partitions => {
          await revoked?.(diary)
          diary.own(diary.owned.filter(one => !partitions.some(gone => sameAs(one, gone))))
        },
        lost: () => diary.own([]),
      },
    )
    this.#members.push(diary.membership)
    return diary
  }

  async reopen(): Promise<void> {
    if (this.#reopen === undefined) throw new Error('the fixture has no reopen: give one, or skip this test and write the reason')
    this.broker = await this.#reopen(this.broker)
  }

  async close(): Promise<void> {
    for (const member of this.#members) await member.leave().catch(() => {})
    await this.broker.close()
  }
}

/** What a member has been told. */
export class MemberDiary {
  membership!: Membership
  owned: readonly TopicPartition[] = []
  /** Calls of `assigned`. */
  assignments = 0

  own(partitions: readonly TopicPartition[]): void {
    this.owned = partitions
  }

  /** Partition numbers by topic, sorted. */
  get numbers(): readonly number[] {
    return this.owned.map(at => at.partition).sort((a, b) => a - b)
  }
}

const sameAs = (a: TopicPartition, b: TopicPartition): boolean => a.topic === b.topic && a.partition === b.partition

/** Appends a value without a key. */
export const append = (producer: Producer, at: TopicPartition, value: string, headers?: Headers): void =>
  producer.partition(at).append(1_700_000_000_000, null, value, headers)

/** Walks a slice into `rows`, releases it, and returns the position behind it. */
export function take(slice: RecordBatches, rows: Row[]): number {
  const cursor = slice.cursor()
  while (cursor.next()) {
    const key = cursor.keyStart < 0 ? null : cursor.keyFrame.toString('utf8', cursor.keyStart, cursor.keyEnd)
    const value = cursor.valueStart < 0 ? null : cursor.valueFrame.toString('utf8', cursor.valueStart, cursor.valueEnd)
    rows.push([cursor.offset, key, value])
  }
  slice.release()
  return cursor.position
}

/** Polls until `done` or patience ends; rows go into `rows`, and `moved` is told the position behind each slice. */
export async function pollUntil(fetcher: Fetcher, rows: Row[], done: () => boolean, moved?: (position: number) => void): Promise<void> {
  const deadline = Date.now() + patience
  while (!done()) {
    if (Date.now() > deadline) throw new Error(`gave up waiting; seen so far: ${JSON.stringify(rows).slice(0, 500)}`)
    for (const slice of await fetcher.poll(500)) {
      const position = take(slice, rows)
      moved?.(position)
    }
  }
}

/** Waits until `done`. */
export async function until(what: string, done: () => boolean): Promise<void> {
  const deadline = Date.now() + patience
  while (!done()) {
    if (Date.now() > deadline) throw new Error(`gave up waiting until ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** The BrokerError that `work` rejects with. */
export async function failureOf(work: Promise<unknown>): Promise<BrokerError> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (thrown instanceof BrokerError) return thrown
  throw new Error(`expected a BrokerError, got ${thrown === undefined ? 'success' : String(thrown)}`)
}

/** A test of the suite. */
export type BrokerTest = (fixture: BrokerFixture) => Promise<void>
