import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@redis/client'
import { bytes, type SourceReader, type SourceRecord } from '@riacho/streams'
import { type SourceFixture, sourceSuite } from '@riacho/testing/suites'
import { afterAll, afterEach, beforeAll, expect, it, describe as vitestDescribe } from 'vitest'
import { type LossyProxy, startLossyProxy } from '../../../test/servers/lossy-proxy.ts'
import { type RedisServer, redisObstacle, startRedis } from '../../../test/servers/redis.ts'
import { type RedisSourceOptions, redisSource } from './index.ts'

const obstacle = redisObstacle()
const describe = (name: string, body: () => void): void => {
  if (obstacle === undefined) vitestDescribe(name, body)
  else vitestDescribe.skip(`${name} (${obstacle})`, body)
}

const never = new AbortController().signal
const group = 'g'
let server: RedisServer
let proxy: LossyProxy
/** A connection that the connector knows nothing of. */
let outside: ReturnType<typeof createClient>
let streams = 0

beforeAll(async () => {
  if (obstacle !== undefined) return
  server = await startRedis()
  proxy = await startLossyProxy(server.port)
  outside = createClient({ url: server.url })
  outside.on('error', () => {})
  await outside.connect()
}, 180_000)
afterAll(async () => {
  outside?.destroy()
  await proxy?.stop()
  await server?.stop()
})

const open: SourceReader[] = []
afterEach(async () => {
  proxy?.mend()
  for (const reader of open.splice(0)) await reader.close()
})

const newStream = () => `stream-${++streams}`
const sourceOf = (stream: string, options: Partial<RedisSourceOptions<Uint8Array>> = {}) =>
  redisSource({ url: server.url, stream, group, value: bytes, wait: 200, ...options })
const readerOf = (stream: string, options: Partial<RedisSourceOptions<Uint8Array>> = {}, from: Uint8Array | null = null): SourceReader => {
  const reader = sourceOf(stream, options).open(stream, from)
  open.push(reader)
  return reader
}
const append = async (stream: string, values: readonly (string | Buffer)[]): Promise<void> => {
  await Promise.all(values.map(value => outside.xAdd(stream, '*', { value })))
}
const read = async (reader: SourceReader, count: number): Promise<SourceRecord[]> => {
  const records: SourceRecord[] = []
  while (records.length < count) {
    const more = await reader.read(count - records.length, never)
    if (more.length === 0) throw new Error(`the reader was closed after ${records.length} of ${count} records`)
    records.push(...more)
  }
  return records
}
const nothing = (reader: SourceReader, milliseconds: number) => reader.read(10, AbortSignal.timeout(milliseconds))
const values = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `value ${from + i}`)
const textOf = (value: Uint8Array | null) => Buffer.from(value ?? []).toString()
const textsOf = (records: readonly SourceRecord[]) => records.map(({ value }) => textOf(value))
const headersOf = ({ headers }: SourceRecord) => Object.fromEntries(headers.map(([name, raw]) => [name, textOf(raw)]))

const make = async (): Promise<SourceFixture> => {
  const stream = newStream()
  return {
    source: sourceOf(stream),
    append: added =>
      append(
        stream,
        added.map(value => Buffer.from(value)),
      ),
    close: async () => {},
  }
}
sourceSuite(
  { name: 'redis', make, skip: [{ test: 'goes on after any position', reason: 'what is acknowledged does not come again' }] },
  { describe, it, expect },
)

describe('redis source', () => {
  it('gives key, value and headers of an entry, and the time of its id', async () => {
    const stream = newStream()
    await outside.xAdd(stream, '1700000000000-3', { at: 'now', k: 'one', v: 'two' })
    await outside.xAdd(stream, '*', { other: 'three' })
    const [first, second] = await read(readerOf(stream, { keyField: 'k', valueField: 'v' }), 2)
    expect([textOf(first!.key), textOf(first!.value), first!.timestamp, headersOf(first!)]).toEqual([
      'one',
      'two',
      1_700_000_000_000,
      { at: 'now', 'redis.id': '1700000000000-3', 'redis.delivery-count': '1' },
    ])
    expect([second!.key, second!.value, headersOf(second!).other]).toEqual([null, null, 'three'])
  })

  it('gives what a reader that died had to another, after claimAfter and with its delivery count', async () => {
    const stream = newStream()
    await append(stream, values(0, 20))
    const dying = readerOf(stream, { url: `redis://127.0.0.1:${proxy.port}`, claimAfter: 500, pendingMax: 20 })
    const had = await read(dying, 20)
    await dying.commit(had[4]!.position)
    const alive = readerOf(stream, { claimAfter: 500 })
    await append(stream, values(20, 25))
    expect(textsOf(await read(alive, 5))).toEqual(values(20, 25))
    await proxy.cut()
    const taken = await read(alive, 15)
    expect(textsOf(taken)).toEqual(values(5, 20))
    expect(new Set(taken.map(record => headersOf(record)['redis.delivery-count']))).toEqual(new Set(['2']))
    await alive.commit(taken.at(-1)!.position)
    expect((await outside.xPending(stream, group)).pending).toBe(0)
  })

  it('acknowledges when Redis is there again what a commit covered while it was away', async () => {
    const stream = newStream()
    await append(stream, values(0, 5))
    const reader = readerOf(stream, { url: `redis://127.0.0.1:${proxy.port}`, claimAfter: 300 })
    const records = await read(reader, 5)
    await proxy.cut()
    await reader.commit(records[4]!.position)
    expect((await outside.xPending(stream, group)).pending).toBe(5)
    proxy.mend()
    await expect.poll(async () => (await outside.xPending(stream, group)).pending, { timeout: 5000 }).toBe(0)
  })

  it('takes nothing from a reader that is alive, however long it takes', async () => {
    const stream = newStream()
    await append(stream, values(0, 3))
    const slow = readerOf(stream, { claimAfter: 400 })
    const records = await read(slow, 3)
    expect(await nothing(readerOf(stream, { claimAfter: 400 }), 2000)).toEqual([])
    await slow.commit(records[2]!.position)
    expect((await outside.xPending(stream, group)).pending).toBe(0)
  })

  it('leaves no consumers behind but those that died with entries', async () => {
    const stream = newStream()
    await append(stream, values(0, 4))
    const dead = 'dead'
    await outside.xGroupCreate(stream, group, '0')
    await outside.xGroupCreateConsumer(stream, group, dead)
    await outside.xReadGroup(group, 'holding', { key: stream, id: '>' }, { COUNT: 1 })
    const reader = readerOf(stream, { claimAfter: 100 })
    const records = await read(reader, 4)
    await reader.commit(records[3]!.position)
    await sleep(150)
    await reader.close()
    expect(await outside.xInfoConsumers(stream, group)).toEqual([])
  })

  it('loses nothing when Redis is killed and comes back, with two instances reading', async () => {
    const stream = newStream()
    const seen = new Map<string, number>()
    const stop = new AbortController()
    const instance = async (): Promise<void> => {
      const reader = readerOf(stream, { claimAfter: 1000, pendingMax: 50 })
      while (!stop.signal.aborted) {
        try {
          const records = await reader.read(20, stop.signal)
          for (const text of textsOf(records)) seen.set(text, (seen.get(text) ?? 0) + 1)
          // The pipeline's work: so that some are not acknowledged when the server dies.
          await sleep(10)
          if (records.length > 0) await reader.commit(records.at(-1)!.position)
        } catch {
          await sleep(50)
        }
      }
    }
    const instances = [instance(), instance()]
    await append(stream, values(0, 2000))
    await expect.poll(() => seen.size).toBeGreaterThan(100)
    await server.kill()
    await server.start()
    await expect.poll(() => outside.isReady, { timeout: 10_000 }).toBe(true)
    await append(stream, values(2000, 2100))
    await expect.poll(() => seen.size, { timeout: 20_000 }).toBe(2100)
    await expect.poll(async () => (await outside.xPending(stream, group)).pending, { timeout: 20_000 }).toBe(0)
    stop.abort()
    await Promise.all(instances)
    expect([...seen.keys()].sort()).toEqual(values(0, 2100).sort())
  }, 60_000)

  it('gives each entry to one of the partitions, and all entries to each group', async () => {
    const stream = newStream()
    await append(stream, values(0, 50))
    const source = sourceOf(stream, { partitions: 2 })
    const readers = (await source.partitions()).map(partition => source.open(partition, null))
    open.push(...readers)
    const [a, b] = await Promise.all(readers.map(reader => read(reader, 10)))
    expect(new Set(textsOf([...a!, ...b!])).size).toBe(20)
    expect(textsOf(await read(readerOf(stream, { group: 'another' }), 50))).toEqual(values(0, 50))
  })

  it('reads no more than pendingMax until a commit', async () => {
    const stream = newStream()
    await append(stream, values(0, 30))
    const reader = readerOf(stream, { pendingMax: 12 })
    const records = await read(reader, 12)
    expect(await nothing(reader, 100)).toEqual([])
    await reader.commit(records[11]!.position)
    expect((await read(reader, 10)).length).toBe(10)
  })

  it('makes its group again when the stream was deleted', async () => {
    const stream = newStream()
    await append(stream, values(0, 1))
    const reader = readerOf(stream)
    await read(reader, 1)
    await outside.del(stream)
    await append(stream, values(1, 3))
    const seen: string[] = []
    // Its first read may be told that the group is gone.
    while (seen.length < 2) seen.push(...textsOf(await reader.read(2, never).catch(() => [])))
    expect(seen).toEqual(values(1, 3))
  })

  it('counts what is left when Redis cannot, after deletions', async () => {
    const stream = newStream()
    const ids = await Promise.all(values(0, 10).map(value => outside.xAdd(stream, '*', { value })))
    const reader = readerOf(stream)
    await read(reader, 2)
    await outside.xDel(stream, ids[5]!)
    expect(await reader.lag()).toBe(7)
  })

  it('refuses options, and an address where nobody answers', async () => {
    for (const [options, message] of [
      [{ group: '' }, 'group'],
      [{ stream: '' }, 'stream'],
      [{ claimAfter: 1 }, 'claimAfter'],
      [{ wait: 10_000 }, 'wait'],
      [{ pendingMax: 0 }, 'pendingMax'],
      [{ partitions: 1.5 }, 'partitions'],
    ] as const)
      expect(() => sourceOf('s', options)).toThrow(message)
    await expect(sourceOf('s', { url: 'redis://127.0.0.1:1' }).partitions()).rejects.toMatchObject({ code: 'RIACHO_REDIS_STREAM' })
    await outside.set('text', 'another')
    await expect(sourceOf('text').partitions()).rejects.toThrow('WRONGTYPE')
  })
})
