import { kafka } from '@riacho/kafka'
import type { Broker, Producer, TopicPartition } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import type { KafkaServer } from '../../servers/kafka.ts'
import type { KafkaProxy } from '../../servers/proxy.ts'
import { readOn, rejection, taken, verdict } from './reading.ts'

const fetchRequest = 1
const topicTool = 'org.apache.kafka.tools.TopicCommand'

type Topics = (partitions?: number) => Promise<string>

/** What a fetcher does when all is not well, and when there is more than it can take. */
export function fetchingTests(server: () => KafkaServer, proxy: () => KafkaProxy, broker: () => Broker, newTopic: Topics): void {
  failureTests(server, proxy, broker, newTopic)
  turnTests(broker, newTopic)
  positionTests(broker, newTopic)
}

function failureTests(server: () => KafkaServer, proxy: () => KafkaProxy, broker: () => Broker, newTopic: Topics): void {
  it('says where a batch is damaged, shows nothing of it, and reads it whole when it is fetched again', async () => {
    const at = { topic: await newTopic(), partition: 0 }
    await write(broker(), at, 'first', 'second')
    const through = await kafka({ brokers: [`127.0.0.1:${proxy().port}`], poisonLoans: true })
    const fetcher = through.fetcher({ isolation: 'read_committed' })
    proxy().mischief = { fates: ['spoiled'], requests: [fetchRequest], every: 1, most: 1 }
    fetcher.add(at, 0)
    const [slice] = await fetcher.poll(5_000)
    proxy().mischief = undefined
    const cursor = slice!.cursor()
    expect(cursor.next()).toBe(true)
    expect(() => cursor.next()).toThrow(`${at.topic}, partition 0: the checksum of the batch at offset 1 is wrong`)
    slice!.release()
    fetcher.seek(at, 1)
    expect((await readOn(fetcher, 2)).values).toEqual(['second'])
    await through.close()
  })

  it('does not go on in a topic that was deleted and created again, before it is told where', async () => {
    const at = { topic: await newTopic(), partition: 0 }
    await write(broker(), at, 'old 0', 'old 1')
    const fetcher = broker().fetcher({ isolation: 'read_committed' })
    fetcher.add(at, 0)
    expect((await readOn(fetcher, 2)).values).toEqual(['old 0', 'old 1'])
    await server().tool(topicTool, '--delete', '--topic', at.topic, '--bootstrap-server', server().address)
    while ((await broker().admin.partitions([at.topic])).size > 0) await new Promise(resolve => setTimeout(resolve, 20))
    await broker().admin.createTopics([{ name: at.topic, partitions: 1 }])
    await write(broker(), at, 'new 0', 'new 1', 'new 2')
    const polled = async () => {
      for (;;) expect(await fetcher.poll(5_000)).toEqual([])
    }
    for (let i = 0; i < 2; i++) expect(await rejection(polled())).toMatchObject({ code: 'TOPIC_RECREATED', retriable: false, at })
    fetcher.seek(at, 0)
    expect((await readOn(fetcher, 3)).values).toEqual(['new 0', 'new 1', 'new 2'])
    fetcher.close()
  })

  it('waits for a topic that is not there yet, for a limited time', async () => {
    const late = { topic: `${await newTopic()}-late`, partition: 0 }
    const impatient = await kafka({ brokers: [server().address], retryForMs: 300 })
    const short = impatient.fetcher({ isolation: 'read_committed' })
    short.add(late, 0)
    const polled = async () => {
      for (;;) await short.poll(1_000)
    }
    expect(await rejection(polled())).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' })
    await impatient.close()
    const fetcher = broker().fetcher({ isolation: 'read_committed' })
    fetcher.add(late, 0)
    expect(await fetcher.poll(100)).toEqual([])
    await broker().admin.createTopics([{ name: late.topic, partitions: 1 }])
    await write(broker(), late, 'there')
    expect((await readOn(fetcher, 1)).values).toEqual(['there'])
    fetcher.close()
  })
}

function turnTests(broker: () => Broker, newTopic: Topics): void {
  it('gives each partition its turn when one of them has more than fits', async () => {
    const topic = await newTopic(3)
    const producer = await broker().producer({})
    for (let i = 0; i < 40; i++) producer.partition({ topic, partition: 0 }).append(Date.now(), null, 'x'.repeat(200_000))
    for (const partition of [1, 2]) producer.partition({ topic, partition }).append(Date.now(), null, `only ${partition}`)
    await producer.flush()
    await producer.close()
    const fetcher = broker().fetcher({ isolation: 'read_committed', bytesMax: 300_000, partitionBytesMax: 300_000 })
    for (const partition of [0, 1, 2]) fetcher.add({ topic, partition }, 0)
    const seen = new Set<number>()
    let slices = 0
    while (seen.size < 3)
      for (const slice of await fetcher.poll(5_000)) {
        slices++
        seen.add(slice.partition)
        expect(taken(slice).values.length).toBeGreaterThan(0)
      }
    // The busy one has forty batches, or more than twenty slices.
    expect(slices).toBeLessThanOrEqual(6)
    fetcher.close()
  })

  it('keeps a paused partition, takes turns, and wakes', async () => {
    const name = await newTopic(2)
    const producer = await broker().producer({})
    const fetcher = broker().fetcher({ isolation: 'read_committed' })
    const waiting = fetcher.poll(30_000)
    fetcher.wake()
    expect(await waiting).toEqual([])
    fetcher.add({ topic: name, partition: 0 }, 0)
    fetcher.add({ topic: name, partition: 1 }, 0)
    fetcher.pause({ topic: name, partition: 0 })
    send(producer, { topic: name, partition: 0 }, 'zero')
    send(producer, { topic: name, partition: 1 }, 'one')
    await producer.flush()
    expect((await fetcher.poll(5_000)).map(slice => taken(slice).values)).toEqual([['one']])
    expect(await fetcher.poll(300)).toEqual([])
    fetcher.resume({ topic: name, partition: 0 })
    expect((await fetcher.poll(5_000)).map(slice => taken(slice).values)).toEqual([['zero']])
    fetcher.remove({ topic: name, partition: 0 })
    send(producer, { topic: name, partition: 0 }, 'unseen')
    await producer.flush()
    expect(await fetcher.poll(300)).toEqual([])
    await producer.close()
    fetcher.close()
  })
}

function positionTests(broker: () => Broker, newTopic: Topics): void {
  it('hands out a batch that is larger than its limit, and pauses, resumes and seeks without a gap', async () => {
    const at = { topic: await newTopic(), partition: 0 }
    const values = Array.from({ length: 12 }, (_, i) => `${i}-${'y'.repeat(i % 3 === 0 ? 500_000 : 10)}`)
    await write(broker(), at, ...values)
    const fetcher = broker().fetcher({ isolation: 'read_committed', partitionBytesMax: 100, bytesMax: 100 })
    fetcher.add(at, 0)
    const seen: (string | null)[] = []
    for (let position = 0; position < values.length; ) {
      fetcher.pause(at)
      expect(await fetcher.poll(0)).toEqual([])
      fetcher.resume(at)
      for (const slice of await fetcher.poll(5_000)) {
        const read = taken(slice)
        seen.push(...read.values)
        position = read.position
      }
    }
    expect(seen).toEqual(values)
    fetcher.seek(at, 5)
    expect((await readOn(fetcher, values.length)).values).toEqual(values.slice(5))
    fetcher.close()
  })

  it('says which partition a fetch is out of range of, and goes on after a seek', async () => {
    const name = await newTopic(2)
    const producer = await broker().producer({})
    send(producer, { topic: name, partition: 0 }, 'a', 'b', 'c')
    send(producer, { topic: name, partition: 1 }, 'other')
    await producer.flush()
    await broker().admin.deleteRecords([{ topic: name, partition: 0, offset: 2 }])
    const fetcher = broker().fetcher({ isolation: 'read_committed' })
    fetcher.add({ topic: name, partition: 0 }, 0)
    fetcher.add({ topic: name, partition: 1 }, 0)
    const failure = await rejection(fetcher.poll(5_000))
    expect(verdict(failure)).toEqual({ code: 'OFFSET_OUT_OF_RANGE', retriable: false, fenced: false, abortable: false })
    expect(failure.at).toEqual({ topic: name, partition: 0 })
    fetcher.seek({ topic: name, partition: 0 }, 2)
    const values: (string | null)[] = []
    while (values.length < 2) for (const slice of await fetcher.poll(5_000)) values.push(...taken(slice).values)
    expect(values.sort()).toEqual(['c', 'other'])
    await producer.close()
    fetcher.close()
  })
}

/** Writes values, each of them a batch of its own. */
async function write(broker: Broker, to: TopicPartition, ...values: string[]): Promise<void> {
  const producer = await broker.producer({})
  for (const value of values) {
    send(producer, to, value)
    await producer.flush()
  }
  await producer.close()
}

/** Appends values. */
function send(producer: Producer, to: TopicPartition, ...values: string[]): void {
  for (const value of values) producer.partition(to).append(Date.now(), null, value)
}
