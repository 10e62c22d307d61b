import { kafka } from '@riacho/kafka'
import type { Broker, Fetcher, Producer, RecordBatches, TopicPartition } from '@riacho/streams/engine'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { KafkaServer } from '../../servers/kafka.ts'

/** A record as it lies in the log. */
type Row = readonly [offset: number, value: string]

const seed = Number(process.env.RIACHO_SEED ?? Math.floor(Math.random() * 2 ** 31))
const producersMax = 4
const partitions = [0, 1]

/** Takes a slice; gives the position behind it. */
function take(slice: RecordBatches, rows: Row[]): number {
  const cursor = slice.cursor()
  while (cursor.next()) rows.push([cursor.offset, cursor.valueFrame.toString('utf8', cursor.valueStart, cursor.valueEnd)])
  slice.release()
  return cursor.position
}

async function readTo(fetcher: Fetcher, end: number, from = 0): Promise<Row[]> {
  const rows: Row[] = []
  for (let position = from; position < end; ) for (const slice of await fetcher.poll(5_000)) position = take(slice, rows)
  return rows
}

/** What a fresh reader sees from an offset up to the end of the log. */
async function seen(broker: Broker, at: TopicPartition, committed: boolean, from = 0, partitionBytesMax = 1 << 20): Promise<Row[]> {
  const end = await stable(broker, at)
  const fetcher = broker.fetcher({ isolation: committed ? 'read_committed' : 'read_uncommitted', partitionBytesMax })
  fetcher.add(at, from)
  const rows = await readTo(fetcher, end, from)
  fetcher.close()
  return rows
}

/** Waits until no transaction is open: markers may be written a moment after a commit. Gives the log's end. */
async function stable(broker: Broker, at: TopicPartition): Promise<number> {
  for (;;) {
    const [ends] = await broker.admin.offsets([at])
    if (ends!.lastStable === ends!.highWatermark) return ends!.highWatermark
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** One thing that one of the producers does. */
type Step =
  | { readonly does: 'append'; readonly who: number; readonly partition: number; readonly count: number; readonly bytes: number }
  | { readonly does: 'flush' | 'commit' | 'abort' | 'fence'; readonly who: number }

const who = fc.nat(producersMax - 1)
const arrangement = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        does: fc.constant('append' as const),
        who,
        partition: fc.constantFrom(...partitions),
        count: fc.integer({ min: 1, max: 5 }),
        bytes: fc.constantFrom(10, 10, 300, 3_000),
      }),
    },
    { weight: 3, arbitrary: fc.record({ does: fc.constantFrom('flush' as const, 'commit' as const, 'abort' as const), who }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant('fence' as const), who }) },
  ),
  { minLength: 40, maxLength: 120 },
)

/** Does the steps, the first producer without transactions; gives what was committed. */
async function carryOut(broker: Broker, topic: string, steps: readonly Step[]): Promise<ReadonlySet<string>> {
  const open = (each: number): Promise<Producer> =>
    broker.producer(each === 0 ? { batchBytesMax: 500 } : { transactionalId: `${topic}-${each}`, batchBytesMax: 500 })
  const producers = await Promise.all(Array.from({ length: producersMax }, (_, each) => open(each)))
  const pending = producers.map((): string[] => [])
  const committed = new Set<string>()
  let made = 0
  const settle = (each: number, kept: boolean) => {
    for (const value of pending[each]!.splice(0)) if (kept) committed.add(value)
  }
  const end = async (step: Step) => {
    const producer = producers[step.who]!
    if (step.does === 'append') {
      for (let i = 0; i < step.count; i++) {
        const value = `${made++}-${'z'.repeat(step.bytes)}`
        producer.partition({ topic, partition: step.partition }).append(Date.now(), null, value)
        pending[step.who]!.push(value)
      }
    } else if (step.does === 'flush' || step.who === 0) {
      await producer.flush()
      if (step.who === 0) settle(0, true)
    } else if (step.does === 'fence') {
      await producer.flush()
      producers[step.who] = await open(step.who)
      settle(step.who, false)
      await producer.close()
    } else {
      await producer[step.does]()
      settle(step.who, step.does === 'commit')
    }
  }
  for (const step of steps) await end(step)
  for (const each of producers.keys()) await end({ does: each % 2 === 0 ? 'commit' : 'abort', who: each })
  for (const producer of producers) await producer.close()
  return committed
}

/** Reads with seeks back, pauses and small fetches; gives all rows by their offset, and fails when an offset shows two values. */
async function readAbout(broker: Broker, at: TopicPartition, end: number, jumps: readonly number[]): Promise<Row[]> {
  const fetcher = broker.fetcher({ isolation: 'read_committed', partitionBytesMax: 2_000 })
  const rows = new Map<number, string>()
  fetcher.add(at, 0)
  for (const jump of [...jumps, 0]) {
    const from = Math.floor((jump * end) / 100)
    fetcher.seek(at, from)
    let position = from
    const stop = jump === 0 ? end : Math.min(end, from + 10)
    while (position < stop) {
      fetcher.pause(at)
      await fetcher.poll(0)
      fetcher.resume(at)
      const part: Row[] = []
      for (const slice of await fetcher.poll(5_000)) position = take(slice, part)
      for (const [offset, value] of part) {
        expect(offset).toBeGreaterThanOrEqual(from)
        expect(rows.get(offset) ?? value).toBe(value)
        rows.set(offset, value)
      }
    }
  }
  fetcher.close()
  return [...rows].sort(([a], [b]) => a - b)
}

type Topics = (partitions?: number, config?: Readonly<Record<string, string>>) => Promise<string>

/** What a read_committed reader never sees. */
export function abortedTests(server: () => KafkaServer, broker: () => Broker, newTopic: Topics): void {
  randomTests(server, newTopic)
  arrangedTests(broker, newTopic)
}

function randomTests(server: () => KafkaServer, newTopic: Topics): void {
  it.each([1, 2] as const)(
    `are never seen, however they are arranged and read: transactions of version %i (RIACHO_SEED=${seed})`,
    async transactionVersion => {
      const through = await kafka({ brokers: [server().address], poisonLoans: true, transactionVersion })
      const property = fc.asyncProperty(arrangement, fc.array(fc.nat(99), { maxLength: 6 }), async (steps, jumps) => {
        const topic = await newTopic(partitions.length)
        const committed = await carryOut(through, topic, steps)
        for (const partition of partitions) {
          const at = { topic, partition }
          const log = await seen(through, at, false)
          const right = log.filter(([, value]) => committed.has(value))
          expect(await seen(through, at, true)).toEqual(right)
          const end = await stable(through, at)
          expect(await readAbout(through, at, end, jumps)).toEqual(right)
          for (const jump of jumps) {
            const from = Math.floor((jump * end) / 100)
            expect(await seen(through, at, true, from, 1_000)).toEqual(right.filter(([offset]) => offset >= from))
          }
        }
      })
      await fc.assert(property, { seed, numRuns: 4, interruptAfterTimeLimit: 6_000 })
      await through.close()
    },
    60_000,
  )
}

function arrangedTests(broker: () => Broker, newTopic: Topics): void {
  it('are not seen when they span many fetches, nor by a reader that starts inside', async () => {
    const at = { topic: await newTopic(), partition: 0 }
    const producer = await broker().producer({ transactionalId: `spans-${at.topic}`, batchBytesMax: 10_000 })
    const kept: string[] = []
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 300; i++) producer.partition(at).append(Date.now(), null, `${round}-${i}-${'w'.repeat(1_000)}`)
      if (round % 2 === 0) {
        await producer.flush()
        await producer.abort()
      } else {
        for (let i = 0; i < 300; i++) kept.push(`${round}-${i}-${'w'.repeat(1_000)}`)
        await producer.commit()
      }
    }
    for (const from of [0, 1, 150, 299, 300, 301, 450, 700])
      expect((await seen(broker(), at, true, from, 20_000)).map(([, value]) => value)).toEqual(kept.filter((_, i) => offsetOf(i) >= from))
    await producer.close()
  })

  it('are not seen when compaction has removed a part of them, and positions pass what is gone', async () => {
    const config = {
      'cleanup.policy': 'compact',
      'segment.bytes': '1048576',
      'min.cleanable.dirty.ratio': '0.001',
      'delete.retention.ms': '0',
    }
    const at = { topic: await newTopic(1, config), partition: 0 }
    const aborting = await broker().producer({ transactionalId: `compacted-${at.topic}` })
    const plain = await broker().producer({})
    const write = (producer: Producer, key: string, value: string) => producer.partition(at).append(Date.now(), key, value)
    for (let round = 0; round < 5; round++) {
      for (let key = 0; key < 5; key++) write(plain, `${key}`, `${round}-${key}`)
      await plain.flush()
      for (let key = 0; key < 5; key++) write(aborting, `${key}`, `aborted-${round}-${key}`)
      await aborting.flush()
      await aborting.abort()
    }
    // Only a segment that is not written to any more is cleaned.
    const filler = 'f'.repeat(400_000)
    for (let i = 0; i < 4; i++) {
      write(plain, `filler-${i}`, filler)
      await plain.flush()
    }
    while ((await seen(broker(), at, false)).filter(([, value]) => value.startsWith('aborted')).length >= 25)
      await new Promise(resolve => setTimeout(resolve, 50))
    const short = (rows: readonly Row[]) => rows.map(([, value]) => value).filter(value => !value.startsWith('f'))
    const whole = short(await seen(broker(), at, true))
    expect(whole.filter(value => value.startsWith('aborted'))).toEqual([])
    for (let key = 0; key < 5; key++) expect(whole).toContain(`4-${key}`)
    const end = await stable(broker(), at)
    for (let from = 0; from < end; from += 3)
      expect(short(await seen(broker(), at, true, from)).filter(value => value.startsWith('aborted'))).toEqual([])
    await aborting.close()
    await plain.close()
  }, 60_000)
}

/** The offset of the i-th kept record: two rounds of 300 and their markers lie before each. */
const offsetOf = (i: number): number => (i < 300 ? 301 + i : 903 + i - 300)
