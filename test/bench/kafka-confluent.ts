/**
 * What Confluent's client costs beside ours behind the same contract: `node test/bench/kafka-confluent.ts [--records N] [--pairs N]`. Prints records per second of processor time of
 * the whole process, so that neighbours on the machine disturb less, as medians with the lowest and highest.
 */
import { parseArgs } from 'node:util'
import { kafka } from '@riacho/kafka'
import { confluent } from '@riacho/kafka-confluent'
import type { Broker, TopicPartition } from '@riacho/streams/engine'
import { confluentDriver } from '../servers/confluent.ts'
import { startKafka } from '../servers/kafka.ts'

const { values: given } = parseArgs({
  options: { records: { type: 'string', default: '500000' }, pairs: { type: 'string', default: '5' } },
})
const [records, pairs] = [Number(given.records), Number(given.pairs)]
const partitions = 8
const value = Buffer.alloc(100, 'x')
const flushEvery = 20_000

const places = (topic: string): TopicPartition[] => Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))

async function produce(broker: Broker, topic: string): Promise<void> {
  const producer = await broker.producer({})
  const writers = places(topic).map(at => producer.partition(at))
  const now = Date.now()
  for (let i = 0; i < records; i++) {
    writers[i % partitions]!.append(now, `key ${i}`, value)
    if (i % flushEvery === flushEvery - 1) await producer.flush()
  }
  await producer.flush()
  await producer.close()
}

async function consume(broker: Broker, topic: string): Promise<void> {
  const fetcher = broker.fetcher({ isolation: 'read_committed' })
  for (const at of places(topic)) fetcher.add(at, 0)
  let [count, bytes] = [0, 0]
  while (count < records)
    for (const slice of await fetcher.poll(1000)) {
      const cursor = slice.cursor()
      while (cursor.next()) {
        count++
        bytes += cursor.valueEnd - cursor.valueStart
      }
      slice.release()
    }
  fetcher.close()
  if (bytes !== records * value.length) throw new Error(`${bytes} bytes were read`)
}

async function rateOf(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return records / ((user + system) / 1e6)
}

const shown = (rates: readonly number[]): string => {
  const sorted = rates.map(rate => Math.round(rate / 1000)).sort((a, b) => a - b)
  return `${sorted[sorted.length >> 1]} k (${sorted[0]}–${sorted.at(-1)})`
}

const driver = await confluentDriver(console.log)
const server = await startKafka()
const clients: Readonly<Record<string, Broker>> = {
  riacho: await kafka({ brokers: [server.address] }),
  confluent: await confluent({ brokers: [server.address], driver }),
}
const rates = new Map<string, number[]>()
for (let pair = 0; pair < pairs; pair++)
  for (const name of pair % 2 === 0 ? ['riacho', 'confluent'] : ['confluent', 'riacho']) {
    const [broker, topic] = [clients[name]!, `bench-${pair}-${name}`]
    await broker.admin.createTopics([{ name: topic, partitions }])
    for (const [what, work] of Object.entries({ produce, consume })) {
      const rate = await rateOf(() => work(broker, topic))
      rates.set(`${what} ${name}`, [...(rates.get(`${what} ${name}`) ?? []), rate])
    }
  }
for (const [what, of] of rates) console.log(`${what}: ${shown(of)} records per CPU-second`)
for (const broker of Object.values(clients)) await broker.close()
await server.stop()
