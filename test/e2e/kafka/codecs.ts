import { type Codec, kafka } from '@riacho/kafka'
import type { Broker } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import type { KafkaServer } from '../../servers/kafka.ts'
import { readAll } from './reading.ts'

const codecs: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const tools = 'org.apache.kafka.tools'
const values = Array.from({ length: 300 }, (_, i) => `valor ${i} ${'çã'.repeat(i % 50)}`)

/** Batches written by Java and read here, and the other way round. */
export function codecTests(server: () => KafkaServer, broker: () => Broker, newTopic: () => Promise<string>): void {
  it('are written as Java’s consumer reads them', async () => {
    const topics = await Promise.all(codecs.map(() => newTopic()))
    for (const [i, compression] of codecs.entries()) {
      const through = await kafka({ brokers: [server().address], compression })
      const producer = await through.producer({ batchBytesMax: 5_000 })
      for (const value of values)
        producer.partition({ topic: topics[i]!, partition: 0 }).append(Date.now(), null, `${compression} ${value}`)
      await producer.flush()
      await through.close()
    }
    const all = ['--include', topics.join('|'), '--from-beginning', '--timeout-ms', '5000']
    const read = await server().tool(`${tools}.consumer.ConsoleConsumer`, '--bootstrap-server', server().address, ...all)
    const lines = read.trimEnd().split('\n')
    for (const codec of codecs) expect(lines.filter(line => line.startsWith(codec))).toEqual(values.map(value => `${codec} ${value}`))
  }, 60_000)

  it.each(codecs.filter(codec => codec !== 'none'))(
    'are read as Java’s producer writes them with %s',
    async codec => {
      const topic = await newTopic()
      const bootstrap = ['--bootstrap-server', server().address]
      await server().feed(values.join('\n'), `${tools}.ConsoleProducer`, ...bootstrap, '--topic', topic, '--compression-codec', codec)
      expect((await readAll(broker(), { topic, partition: 0 }, values.length)).values).toEqual(values)
    },
    60_000,
  )
}
