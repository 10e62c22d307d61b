import type { Broker, RecordBatches, TopicPartition } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { readAll, taken } from './reading.ts'

/** Limits of the client. */
export interface Limits {
  /** Requests on the way to one broker. */
  readonly requestsMax: number
  /** A request takes batches until it has so many bytes. */
  readonly requestBytesMax: number
  /** Frames in use from which on small slices are copies. */
  readonly framesMax: number
}

/** What happens where there is more than fits. */
export function limitTests(limits: Limits, broker: () => Broker, newTopic: (partitions: number) => Promise<string>): void {
  const places = (topic: string, count: number): TopicPartition[] => Array.from({ length: count }, (_, partition) => ({ topic, partition }))

  it('send more than fits on the way at once, in order', async () => {
    const batchBytesMax = 1 << 20
    const count = Math.ceil((limits.requestBytesMax * 1.5) / batchBytesMax)
    const to = places(await newTopic(count), count)
    const producer = await broker().producer({ batchBytesMax })
    const records = limits.requestsMax * 2
    const value = 'x'.repeat(batchBytesMax / 4)
    for (let i = 0; i < records; i++) for (const at of to) producer.partition(at).append(Date.now(), `${i}`, value)
    await producer.flush()
    const fetcher = broker().fetcher({ isolation: 'read_committed' })
    const seen = to.map((): string[] => [])
    for (const at of to) fetcher.add(at, 0)
    while (seen.some(keys => keys.length < records))
      for (const slice of await fetcher.poll(5_000)) {
        const cursor = slice.cursor()
        while (cursor.next()) seen[slice.partition]!.push(cursor.keyFrame.toString('utf8', cursor.keyStart, cursor.keyEnd))
        slice.release()
      }
    for (const keys of seen) expect(keys).toEqual(Array.from({ length: records }, (_, i) => `${i}`))
    fetcher.close()
    await producer.close()
  })

  it.each(['plain', 'transactional'])(
    'of a topic that takes smaller batches: a %s producer sends what it has in smaller ones, in order',
    async kind => {
      const at = { topic: `small-batches-${kind}`, partition: 0 }
      await broker().admin.createTopics([{ name: at.topic, partitions: 1, config: { 'max.message.bytes': '20000' } }])
      const producer = await broker().producer(kind === 'plain' ? {} : { transactionalId: at.topic })
      const sent = Array.from({ length: 500 }, (_, i) => `${i} ${'x'.repeat(500)}`)
      for (const value of sent) producer.partition(at).append(Date.now(), null, value)
      await (kind === 'plain' ? producer.flush() : producer.commit())
      expect((await readAll(broker(), at, sent.length)).values).toEqual(sent)
      await producer.close()
    },
  )

  it('lend slices that stay as they are, however many are kept while others are read', async () => {
    const count = 8
    const to = places(await newTopic(count), count)
    const producer = await broker().producer({})
    const fetcher = broker().fetcher({ isolation: 'read_committed' })
    for (const at of to) fetcher.add(at, 0)
    const kept: RecordBatches[] = []
    const seen: string[] = []
    const rounds = limits.framesMax * 3
    for (let round = 0; round < rounds; round++) {
      for (const at of to) producer.partition(at).append(Date.now(), null, `${at.partition}-${round}-${'y'.repeat(5_000)}`)
      await producer.flush()
      for (let left = count; left > 0; )
        for (const slice of await fetcher.poll(5_000)) {
          left--
          if (slice.partition === 0) kept.push(slice)
          else seen.push(...(taken(slice).values as string[]))
        }
    }
    const late = kept.flatMap(slice => taken(slice).values as string[])
    expect(late.map(value => value.slice(0, value.indexOf('-y')))).toEqual(Array.from({ length: rounds }, (_, round) => `0-${round}`))
    for (const value of [...late, ...seen]) expect(value).toMatch(/^\d-\d+-y{5000}$/)
    expect(new Set(seen).size).toBe(rounds * (count - 1))
    fetcher.close()
    await producer.close()
  })
}
