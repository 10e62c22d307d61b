import { createClient } from '@redis/client'
import { redisCache, redisSource, redisStream } from '@riacho/redis'
import { bytes, type Sink, type StreamRecord } from '@riacho/streams'
import { startRedis } from '../../servers/redis.ts'
import { compare } from './compare.ts'

interface Row {
  readonly id: string
  readonly body: string
}

/** Sinks and source against the client's own pipelines, on one Redis: `node test/bench/peers/redis.ts [rows] [rounds]`. */
const rows = Number(process.argv[2] ?? 100_000)
const rounds = Number(process.argv[3] ?? 5)
const never = new AbortController().signal
const concurrencies = [1, 8, 32, 128]
/** As most caches run: nothing waits for the disk. */
const server = await startRedis('--appendonly', 'no')
// Its default of five seconds in the queue is short on a machine that does much else.
const client = createClient({ url: server.url, commandOptions: { timeout: 60_000 } })
await client.connect()
const values = Array.from({ length: rows }, (_, i): Row => ({ id: `event-${i}`, body: 'x'.repeat(100) }))
const slices = <T>(of: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(of.length / size) }, (_, i) => of.slice(i * size, i * size + size))
const each = (lanes: number, count: number, work: (at: number) => Promise<unknown>) => async (): Promise<void> => {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}
/** A stage's batches, four at once. */
const batches = slices(
  values.map((value): StreamRecord<string, Row> => ({ key: value.id, value, timestamp: 0, headers: [] })),
  500,
)
let round = 0
const written = (sink: Sink<string, Row>) => async (): Promise<void> => {
  const first = round++ * rows
  await each(4, batches.length, at =>
    sink.write(batches[at]!, never, {
      position: index => ({ topic: 'in', partition: 0, offset: first + at * 500 + index }),
      nth: () => 0,
    }),
  )()
}
/** A pipeline of a hundred commands a call. */
const pipelines = slices(values, 100)
const bare = (command: (row: Row) => Promise<unknown>) => (concurrency: number) =>
  each(concurrency, pipelines.length, at => Promise.all(pipelines[at]!.map(command)))

const cache = redisCache<string, Row>({ url: server.url, prefix: 'sink:' })
await cache.open?.()
await compare({
  name: 'cache',
  rows,
  rounds,
  ours: written(cache),
  bare: bare(row => client.hSet(`bare:${row.id}`, { version: '1', value: JSON.stringify(row) })),
  concurrencies,
})
const stream = redisStream<string, Row>({ url: server.url, stream: 'sink', lengthMax: rows })
await stream.open?.()
await compare({
  name: 'stream',
  rows,
  rounds,
  ours: written(stream),
  bare: bare(row =>
    client.xAdd(
      'bare',
      '*',
      { key: row.id, value: JSON.stringify(row) },
      { TRIM: { strategy: 'MAXLEN', strategyModifier: '~', threshold: rows } },
    ),
  ),
  concurrencies,
})
await client.del('bare')
await bare(row => client.xAdd('source', '*', { key: row.id, value: JSON.stringify(row) }))(8)()
let groups = 0
/** Each run reads the whole stream in a group of its own, a thousand entries at a time, and acknowledges each thousand. */
const read = async (): Promise<void> => {
  const reader = redisSource({ url: server.url, stream: 'source', group: `g${++groups}`, value: bytes }).open('source', null)
  for (let count = 0; count < rows; ) {
    const records = await reader.read(1000, never)
    count += records.length
    await reader.commit(records.at(-1)!.position)
  }
  await reader.close()
}
const readBare = (size: number) => async (): Promise<void> => {
  const group = `g${++groups}`
  await client.xGroupCreate('source', group, '0')
  for (let count = 0; count < rows; ) {
    const answer = (await client.xReadGroup(group, 'c', { key: 'source', id: '>' }, { COUNT: size })) as unknown as [
      { messages: { id: string }[] },
    ]
    const ids = answer[0].messages.map(({ id }) => id)
    count += ids.length
    await client.xAck('source', group, ids)
  }
}
await compare({ name: 'source', rows, rounds, ours: read, bare: readBare, concurrencies: [100, 1000, 5000] })
await cache.close?.()
await stream.close?.()
client.destroy()
await server.stop()
