import type { Broker, FetchOptions, Headers, TopicPartition, Topology } from '@riacho/streams/engine'
import { Engine } from './loop/engine.ts'
import { type AppOptions, settings } from './options.ts'

/** A record as a test writes it down. */
export interface Sent {
  readonly key: string | null
  readonly value: string | Uint8Array | null
  /** Epoch milliseconds, default 0. */
  readonly at?: number
  readonly partition?: number
  readonly headers?: Headers
}

/** A record as a test reads it: copies. */
export interface Read extends TopicPartition {
  readonly key: string | null
  readonly value: string | null
  /** The value as it stands in the log. */
  readonly raw: Uint8Array | null
  readonly timestamp: number
  readonly offset: number
  readonly headers: Headers
}

/** Writes records, one batch per partition, durable when it resolves. */
export async function write(broker: Broker, topic: string, ...records: readonly Sent[]): Promise<void> {
  const producer = await broker.producer({})
  for (const { key, value, at = 0, partition = 0, headers } of records)
    producer.partition({ topic, partition }).append(at, key, value, headers)
  await producer.flush()
  await producer.close()
}

/** Writes records with values `0`, `1` … and keys in turn. */
export const numbered = (count: number, keys: readonly (string | null)[] = ['a', 'b', 'c'], from = 0): Sent[] =>
  Array.from({ length: count }, (_, i) => ({ key: keys[i % keys.length]!, value: String(from + i), at: from + i }))

/** All records of a topic, partition after partition, as far as the isolation allows. */
export async function read(
  broker: Broker,
  topic: string,
  isolation: FetchOptions['isolation'] = 'read_committed',
): Promise<readonly Read[]> {
  const partitions = (await broker.admin.partitions([topic])).get(topic) ?? 0
  const rows: Read[] = []
  for (let partition = 0; partition < partitions; partition++) {
    const at = { topic, partition }
    const [ends] = await broker.admin.offsets([at])
    const end = isolation === 'read_committed' ? ends!.lastStable : ends!.highWatermark
    const fetcher = broker.fetcher({ isolation })
    fetcher.add(at, ends!.start)
    for (let position = ends!.start; position < end; ) {
      for (const slice of await fetcher.poll(1000)) {
        const cursor = slice.cursor()
        while (cursor.next()) {
          rows.push({
            ...at,
            key: cursor.keyStart < 0 ? null : cursor.keyFrame.toString('utf8', cursor.keyStart, cursor.keyEnd),
            value: cursor.valueStart < 0 ? null : cursor.valueFrame.toString('utf8', cursor.valueStart, cursor.valueEnd),
            raw: cursor.valueStart < 0 ? null : Uint8Array.from(cursor.valueFrame.subarray(cursor.valueStart, cursor.valueEnd)),
            timestamp: cursor.timestamp,
            offset: cursor.offset,
            headers: cursor.headers(),
          })
        }
        position = cursor.position
        slice.release()
      }
    }
    fetcher.close()
  }
  return rows
}

/** Values of all records, in order. */
export const values = async (
  broker: Broker,
  topic: string,
  isolation: FetchOptions['isolation'] = 'read_committed',
): Promise<readonly (string | null)[]> => (await read(broker, topic, isolation)).map(row => row.value)

/** The last value of each key. */
export const latest = async (broker: Broker, topic: string): Promise<Readonly<Record<string, string | null>>> =>
  Object.fromEntries((await read(broker, topic)).map(row => [row.key, row.value]))

/** What the group has committed for partition 0 of a topic. */
export async function committed(broker: Broker, group: string, topic: string, partition = 0): Promise<number | undefined> {
  return (await broker.admin.committed(group, [{ topic, partition }]))[0]?.offset
}

/** An engine that a test drives step by step; it has joined when this resolves. */
export async function joined(plan: Topology, options: AppOptions): Promise<Engine> {
  const engine = new Engine(plan, settings(options))
  const joining = engine.join(
    work => work(),
    () => {},
  )
  await joining.catch(async (thrown: unknown) => {
    await engine.close()
    throw thrown
  })
  return engine
}

/** Fetches what there is and takes at most `recordsMax` records of each task, without a commit. Throws what stopped a task. */
export async function take(engine: Engine, recordsMax = Number.POSITIVE_INFINITY): Promise<number> {
  let taken = 0
  for (;;) {
    await engine.fetch(0)
    const now = engine.tasks.reduce((sum, task) => sum + task.run(recordsMax - taken, Number.POSITIVE_INFINITY), 0)
    if (engine.failure !== undefined) throw engine.failure
    taken += now
    if (now === 0 || taken >= recordsMax) return taken
  }
}

/** Waits, with real turns of the event loop, until something is so. Fails after 20 seconds, saying what it waited for. */
export async function until(what: string, is: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!(await is())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 1))
  }
}

/** A promise that the test settles. */
export class Gate {
  readonly opened: Promise<void>
  open!: () => void
  constructor() {
    this.opened = new Promise(resolve => {
      this.open = resolve
    })
  }
}
