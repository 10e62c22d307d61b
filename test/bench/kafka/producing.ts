/** Riacho's producer by itself: `producing.ts produce|transactions --bootstrap HOST:PORT [--records N] [--transactions N]`. */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { kafka } from '@riacho/kafka'
import type { Broker, Membership } from '@riacho/streams/engine'
import { must } from '../load.ts'
import { answerPasses, Mark, type Pass } from './passes.ts'
import { remove, scan } from './topics.ts'

const partitions = 8
const time = 1_699_999_980_000
/** Values of 120 bytes, as the Java peer's. */
const values = Array.from({ length: 1024 }, (_, i) => Buffer.from(createHex(i)))

function createHex(seed: number): string {
  let hex = ''
  for (let x = seed + 1; hex.length < 120; x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0) hex += x.toString(16).padStart(8, '0')
  return hex
}

/** One after another to all partitions; until everything is acknowledged. */
export async function produce(broker: Broker, topic: string, records: number): Promise<Omit<Pass, 'verify'>> {
  const producer = await broker.producer({})
  const writers = Array.from({ length: partitions }, (_, partition) => producer.partition({ topic, partition }))
  const from = new Mark()
  for (let i = 0; i < records; i++) {
    writers[i % partitions]!.append(time + i, null, values[i & 1023]!)
    // Between turns, as an application does.
    if ((i & 1023) === 1023 && producer.bufferedBytes > bufferMax) await producer.flush()
    else if ((i & 8191) === 8191) await new Promise(resolve => setImmediate(resolve))
  }
  await producer.flush()
  const used = from.until(records)
  await producer.close()
  return used
}

/** What the Java peer's `buffer.memory` is. */
const bufferMax = 64 << 20
const perTransaction = 2000
const everyMs = 100

/** Transactions of so many records and the offsets of all partitions, each from its first request until its commit is answered. */
export async function transactions(broker: Broker, topic: string, count: number): Promise<Omit<Pass, 'verify'>> {
  const producer = await broker.producer({ transactionalId: topic })
  const writers = Array.from({ length: partitions }, (_, partition) => producer.partition({ topic, partition }))
  const member = await joined(broker, topic)
  const took: number[] = []
  const from = new Mark()
  const begun = performance.now()
  for (let t = 0; t < count; t++) {
    await sleep(Math.max(begun + t * everyMs - performance.now(), 0))
    for (let i = 0; i < perTransaction; i++) writers[i % partitions]!.append(time + i, null, values[i & 1023]!)
    const offsets = writers.map((_, partition) => ({ topic, partition, offset: t }))
    const start = performance.now()
    await producer.sendOffsets(member, offsets)
    await producer.commit()
    took.push(performance.now() - start)
  }
  const used = from.until(count * perTransaction)
  await member.leave()
  await producer.close()
  took.sort((a, b) => a - b)
  return { ...used, p50Ms: took[count >> 1]!, p99Ms: took[Math.floor(count * 0.99)]! }
}

async function joined(broker: Broker, topic: string): Promise<Membership> {
  const assigned = Promise.withResolvers<void>()
  const member = await broker.join(
    { group: topic, topics: [topic] },
    { assigned: async () => assigned.resolve(), revoked: async () => {}, lost: (_, reason) => assigned.reject(reason) },
  )
  await assigned.promise
  return member
}

let passes = 0

/** A pass of either, whose records are then counted. */
export async function pass(
  bootstrap: string,
  work: (broker: Broker, topic: string) => Promise<Omit<Pass, 'verify'>>,
): Promise<Omit<Pass, 'verify'>> {
  const broker = await kafka({ brokers: [bootstrap] })
  try {
    const topic = `bench-producer-${process.pid}-${++passes}`
    await broker.admin.createTopics([{ name: topic, partitions, config: { 'retention.ms': '-1' } }])
    const used = await work(broker, topic)
    let found = 0
    await scan(broker, topic, () => found++)
    must(found === used.records, `${found} records of ${used.records}`)
    await remove(bootstrap, [topic])
    return used
  } finally {
    await broker.close()
  }
}

if (import.meta.main) {
  const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      bootstrap: { type: 'string', default: '' },
      records: { type: 'string', default: '3000000' },
      transactions: { type: 'string', default: '80' },
    },
  })
  const configuration = { acks: 'all', idempotent: true, transactional: positionals[0] === 'transactions', compression: 'none', bufferMax }
  await answerPasses('Riacho', configuration, () =>
    pass(options.bootstrap, (broker, topic) =>
      positionals[0] === 'transactions'
        ? transactions(broker, topic, Number(options.transactions))
        : produce(broker, topic, Number(options.records)),
    ),
  )
}
