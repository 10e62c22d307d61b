import { type Codec, kafka } from '@riacho/kafka'
import type { Broker, Fetcher } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import type { KafkaServer } from '../../servers/kafka.ts'

const codecs: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const tools = 'org.apache.kafka.tools'

/** Key, value and headers as Java's tools print them: `NULL` for none. */
type Row = readonly [headers: string, key: string, value: string]

/** Records of every kind: with and without headers, keys and values. */
const rows: readonly Row[] = Array.from({ length: 300 }, (_, i): Row => {
  const headers = i % 5 === 0 ? 'NO_HEADERS' : `trace:${i},empty:`
  return [headers, i % 3 === 0 ? 'NULL' : `k${i}`, i % 7 === 0 ? 'NULL' : `valor ${i} ${'çã'.repeat(i % 50)}`]
})

/** Everything that a fetcher brings up to `end`, as Java's tools print it, with the times. */
async function printed(fetcher: Fetcher, end: number): Promise<{ rows: Row[]; times: number[] }> {
  const seen: Row[] = []
  const times: number[] = []
  const text = (frame: Buffer, start: number, to: number): string => (start < 0 ? 'NULL' : frame.toString('utf8', start, to))
  for (let position = 0; position < end; )
    for (const slice of await fetcher.poll(5_000)) {
      const cursor = slice.cursor()
      while (cursor.next()) {
        const { keyFrame, keyStart, keyEnd, valueFrame, valueStart, valueEnd } = cursor
        const headers = cursor.headers().map(([name, value]) => `${name}:${value === null ? 'NULL' : Buffer.from(value).toString()}`)
        seen.push([headers.join() || 'NO_HEADERS', text(keyFrame, keyStart, keyEnd), text(valueFrame, valueStart, valueEnd)])
        times.push(cursor.timestamp)
      }
      position = cursor.position
      slice.release()
    }
  fetcher.close()
  return { rows: seen, times }
}

/** Batches written by Java and read here, and the other way round. */
export function codecTests(
  server: () => KafkaServer,
  broker: () => Broker,
  newTopic: (partitions?: number, config?: Readonly<Record<string, string>>) => Promise<string>,
): void {
  it('are written as Java’s consumer reads them, in transactions and without', async () => {
    const topics = await Promise.all(codecs.map(() => newTopic()))
    const now = Date.now()
    for (const [i, compression] of codecs.entries()) {
      const through = await kafka({ brokers: [server().address], compression })
      const transactionalId = i % 2 === 0 ? { transactionalId: `codecs-${compression}` } : {}
      const producer = await through.producer({ batchBytesMax: 5_000, ...transactionalId })
      const writer = producer.partition({ topic: topics[i]!, partition: 0 })
      if (i % 2 === 0) {
        writer.append(now, null, 'aborted')
        await producer.flush()
        await producer.abort()
      }
      for (const [n, [headers, key, value]] of rows.entries()) {
        const pairs = headers === 'NO_HEADERS' ? [] : [['trace', Buffer.from(`${n}`)] as const, ['empty', new Uint8Array(0)] as const]
        writer.append(now + n, key === 'NULL' ? null : key, value === 'NULL' ? null : value, pairs)
      }
      if (i % 2 === 0) await producer.commit()
      else await producer.flush()
      await through.close()
    }
    const shown = ['timestamp', 'headers', 'key'].flatMap(what => ['--formatter-property', `print.${what}=true`])
    const format = [...shown, '--formatter-property', 'null.literal=NULL', '--isolation-level', 'read_committed']
    const all = [
      '--include',
      topics.join('|'),
      '--from-beginning',
      '--max-messages',
      `${topics.length * rows.length}`,
      '--formatter-property',
      'print.offset=true',
    ]
    const read = await server().tool(`${tools}.consumer.ConsoleConsumer`, '--bootstrap-server', server().address, ...all, ...format)
    const wanted = rows.map((row, n) => [`CreateTime:${now + n}`, ...row].join('\t'))
    const lines = read.trimEnd().split('\n')
    // The order of topics is Java's choice; within one it is that of the offsets.
    const times = lines.map(line => line.replace(/Offset:\d+\t/, ''))
    expect(times.length).toBe(codecs.length * rows.length)
    for (const line of wanted) expect(times.filter(each => each === line).length).toBe(codecs.length)
  }, 60_000)

  it.each(codecs)(
    'are read as Java’s producer writes them with %s',
    async codec => {
      const appending = codec === 'snappy' || codec === 'none'
      const topic = await newTopic(1, appending ? { 'message.timestamp.type': 'LogAppendTime' } : {})
      const reader = ['parse.key=true', 'parse.headers=true', 'null.marker=NULL'].flatMap(property => ['--reader-property', property])
      const bootstrap = ['--bootstrap-server', server().address, '--topic', topic, '--compression-codec', codec]
      const before = Date.now()
      const input = rows.map(([headers, ...rest]) => [headers === 'NO_HEADERS' ? 'NULL' : headers, ...rest].join('\t')).join('\n')
      await server().feed(input, `${tools}.ConsoleProducer`, ...bootstrap, ...reader)
      const fetcher = broker().fetcher({ isolation: 'read_committed' })
      fetcher.add({ topic, partition: 0 }, 0)
      const read = await printed(fetcher, rows.length)
      expect(read.rows).toEqual(rows)
      for (const time of read.times) expect(time).toBeGreaterThanOrEqual(before)
      // One time for each batch, not one for each record.
      if (appending) expect(new Set(read.times).size).toBeLessThan(rows.length / 2)
    },
    60_000,
  )
}
