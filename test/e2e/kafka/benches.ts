import type { Broker } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { produce, pass as producing, transactions } from '../../bench/kafka/producing.ts'
import { pass } from '../../bench/kafka/riacho.ts'
import { manifest } from '../../bench/kafka/topics.ts'
import { workloads } from '../../bench/kafka/workloads.ts'
import type { KafkaServer } from '../../servers/kafka.ts'

const records = 1000
const partitions = 2

/** What the generator of the Java peer writes, in small. */
async function generate(broker: Broker): Promise<void> {
  await broker.admin.createTopics([
    { name: manifest, partitions: 1 },
    { name: 'bench-raw-120', partitions },
    { name: 'bench-nexmark-json', partitions },
  ])
  const producer = await broker.producer({})
  const write = (topic: string, i: number, value: string) => producer.partition({ topic, partition: i % partitions }).append(i, null, value)
  let [bids, q2, priceSum] = [0, 0, 0]
  for (let i = 0; i < records; i++) {
    write('bench-raw-120', i, 'x'.repeat(120))
    const bid = {
      auction: i,
      bidder: i % 7,
      price: i * 3,
      channel: 'Apple',
      url: 'https://…',
      dateTime: 1_699_999_980_000 + i,
      extra: `"${i}"`,
    }
    if (i % 10 === 0) write('bench-nexmark-json', i, JSON.stringify({ event_type: 0, person: { id: i, name: 'Peter' } }))
    else {
      write('bench-nexmark-json', i, JSON.stringify({ event_type: 2, bid }))
      bids++
      priceSum += bid.price
      if (i % 123 === 0) q2++
    }
  }
  for (const topic of ['bench-raw-120', 'bench-nexmark-json'])
    producer.partition({ topic: manifest, partition: 0 }).append(0, topic, JSON.stringify({ records, partitions, bids, q2, priceSum }))
  await producer.flush()
  await producer.close()
}

/** The benches in small, our side only: they must go on working. They check their results themselves. */
export function benchTests(home: () => { readonly server: KafkaServer; readonly broker: Broker }): void {
  it('run, and find their results right', async () => {
    const { broker, server } = home()
    const { address } = server
    await generate(broker)
    for (const name of ['count', 'q0-scanned', 'q1', 'q2'])
      expect(await pass(address, workloads[name]!, { guarantee: 'at-least-once', commitIntervalMs: 30_000 })).toMatchObject({ records })
    expect(await pass(address, workloads.q0!, { guarantee: 'exactly-once', commitIntervalMs: 100 })).toMatchObject({ records })
    expect(await producing(address, (to, topic) => produce(to, topic, records))).toMatchObject({ records })
    expect(await producing(address, (to, topic) => transactions(to, topic, 2))).toMatchObject({ records: 4000 })
  }, 60_000)
}
