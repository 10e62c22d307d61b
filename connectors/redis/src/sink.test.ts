import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@redis/client'
import type { Places, Sink, SinkError, StreamRecord } from '@riacho/streams'
import { type Held, type SinkFixture, sinkSuite } from '@riacho/testing/suites'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, expect, it, describe as vitestDescribe } from 'vitest'
import { type LossyProxy, startLossyProxy } from '../../../test/servers/lossy-proxy.ts'
import { type RedisServer, redisObstacle, startRedis } from '../../../test/servers/redis.ts'
import { type RedisCacheOptions, type RedisStreamOptions, redisCache, redisStream } from './index.ts'

const obstacle = redisObstacle()
const describe = (name: string, body: () => void): void => {
  if (obstacle === undefined) vitestDescribe(name, body)
  else vitestDescribe.skip(`${name} (${obstacle})`, body)
}

interface Event {
  readonly id: number
  readonly revision: number
}
type Key = string | null
type CacheOptions = Partial<RedisCacheOptions<Key, Event>>
type StreamOptions = Partial<RedisStreamOptions<Key, Event>>

const never = new AbortController().signal
let server: RedisServer
let proxy: LossyProxy
/** A connection that the connector knows nothing of. */
let outside: ReturnType<typeof createClient>
let names = 0

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

const closing: (() => Promise<void> | undefined)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  proxy?.mend()
})

const record = (id: number, revision: number, timestamp = 0): StreamRecord<Key, Event> => ({
  key: String(id),
  value: { id, revision },
  timestamp,
  headers: [],
})
const removal = (id: number, timestamp = 0): StreamRecord<Key, null> => ({ key: String(id), value: null, timestamp, headers: [] })
/** The records of a batch are at these offsets. */
const at = (...offsets: number[]): Places => ({
  position: index => ({ topic: 'in', partition: 0, offset: offsets[index] ?? -1 }),
  nth: () => 0,
})
const counted = (from = 0): Places => ({ position: index => ({ topic: 'in', partition: 0, offset: from + index }), nth: () => 0 })
const throughProxy = () => `redis://127.0.0.1:${proxy.port}`

async function opened<S extends Sink<Key, Event>>(sink: S): Promise<S> {
  await sink.open?.()
  closing.push(() => sink.close?.())
  return sink
}

/** Writes until all is written, as a stage does: what failed again, in its order. */
async function writeAll(sink: Sink<Key, Event>, batch: readonly StreamRecord<Key, Event>[], mend: (tries: number) => void): Promise<void> {
  let left = batch.map((_, index) => index)
  for (let tries = 1; left.length > 0; tries++) {
    if (tries > 1000) throw new Error(`${left.length} records are still not written`)
    const now = left
    const places: Places = { position: index => ({ topic: 'in', partition: 0, offset: now[index]! }), nth: () => 0 }
    const batchNow = now.map(index => batch[index]!)
    left = await sink.write(batchNow, never, places).then(
      () => [],
      ({ failures }: SinkError) => [...failures!.keys()].sort((a, b) => a - b).map(index => now[index]!),
    )
    mend(tries)
    if (left.length > 0) await sleep(10)
  }
}

const failuresOf = async (work: Promise<void>): Promise<[number, string][]> => {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error as SinkError,
  )
  return [...(thrown?.failures ?? [])].map(([index, { kind }]) => [index, kind])
}

const newPrefix = () => `row${++names}:`
const cache = (options: CacheOptions = {}, prefix = newPrefix()) => ({
  prefix,
  sink: redisCache<Key, Event>({ url: server.url, prefix, ...options }),
})
async function rowsOf(prefix: string): Promise<Held[]> {
  const rows: Held[] = []
  for (const key of (await outside.keys(`${prefix}*`)).sort()) {
    const value = (await outside.type(key)) === 'hash' ? await outside.hGet(key, 'value') : undefined
    if (typeof value !== 'string') continue
    const { id, revision } = JSON.parse(value) as Event
    rows.push([id, revision])
  }
  return rows
}

const newStream = () => `stream-${++names}`
const toStream = (options: StreamOptions = {}, stream = newStream()) => ({
  stream,
  sink: redisStream<Key, Event>({ url: server.url, stream, ...options }),
})
const entriesOf = async (stream: string) => (await outside.xRange(stream, '-', '+')) ?? []
const rowsIn = async (stream: string): Promise<Held[]> =>
  (await entriesOf(stream)).map(({ message }) => {
    const { id, revision } = JSON.parse(message.value!) as Event
    return [id, revision]
  })

const fixtureOf = (sink: Sink<Key, Event>, held: () => Promise<readonly Held[]>): SinkFixture<Key, Event> => ({
  sink,
  record,
  held,
  outage: async () => {
    await proxy.cut()
    return async () => proxy.mend()
  },
  close: async () => proxy.mend(),
})

sinkSuite(
  {
    name: 'redis cache',
    make: async (): Promise<SinkFixture<Key, Event>> => {
      const { sink, prefix } = cache({ url: throughProxy() })
      await outside.set(`${prefix}-1`, 'another')
      return { ...fixtureOf(sink, () => rowsOf(prefix)), removal, poison: () => record(-1, 1) }
    },
  },
  { describe, it, expect },
)

sinkSuite(
  {
    name: 'redis stream',
    make: async (): Promise<SinkFixture<Key, Event>> => {
      const value = (event: Event) => (event.id < 0 ? (undefined as never) : JSON.stringify(event))
      const { sink, stream } = toStream({ url: throughProxy(), value, id: ({ id, revision }) => `${id}-${revision}` })
      return { ...fixtureOf(sink, () => rowsIn(stream)), poison: () => record(-1, 1) }
    },
    skip: [
      { test: 'deletes the row of a null value', reason: 'a stream takes nothing back' },
      {
        test: 'leaves one result when a part of a batch is written before the whole',
        reason: 'a stream holds each revision; answers that are lost do this below',
      },
    ],
  },
  { describe, it, expect },
)

describe('redis cache', () => {
  it('ends with the newest change of each row, whatever the order and however often each is written', async () => {
    const change = fc.record({ id: fc.nat(2), offset: fc.nat(30), removes: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 40 }), async drawn => {
        // One change an offset.
        const changes = drawn.map(each => drawn.find(({ offset }) => offset === each.offset)!)
        const { sink, prefix } = cache()
        await opened(sink)
        for (const { id, offset, removes } of changes) await sink.write([removes ? removal(id) : record(id, offset)], never, at(offset))
        const newest = new Map<number, (typeof changes)[number]>()
        for (const each of changes) if (each.offset >= (newest.get(each.id)?.offset ?? -1)) newest.set(each.id, each)
        const expected = [...newest.values()].filter(({ removes }) => !removes).map(({ id, offset }) => [id, offset])
        expect(await rowsOf(prefix)).toEqual(expected.sort(([a], [b]) => a! - b!))
      }),
      { numRuns: 40 },
    )
  })

  it('remembers a deletion for deletedTtl, and no longer', async () => {
    const { sink, prefix } = cache({ deletedTtl: 300 })
    await opened(sink)
    await sink.write([record(1, 1), record(1, 2), removal(1)], never, at(1, 2, 3))
    expect(await outside.pTTL(`${prefix}1`)).toBeGreaterThan(0)
    await sink.write([record(1, 1), record(1, 2)], never, at(1, 2))
    expect(await rowsOf(prefix)).toEqual([])
    await expect.poll(() => outside.exists(`${prefix}1`), { timeout: 5000 }).toBe(0)
    await sink.write([record(1, 1)], never, at(1))
    expect(await rowsOf(prefix)).toEqual([[1, 1]])
  })

  it('keeps a row that is written after its deletion', async () => {
    const { sink, prefix } = cache({ deletedTtl: 200 })
    await opened(sink)
    await sink.write([removal(1), record(1, 2)], never, at(1, 2))
    expect([await outside.pTTL(`${prefix}1`), await rowsOf(prefix)]).toEqual([-1, [[1, 2]]])
  })

  it('lets a row live for ttl from its timestamp on, however often it is written', async () => {
    const { sink, prefix } = cache({ ttl: 60_000 })
    await opened(sink)
    const now = Date.now()
    for (let i = 0; i < 2; i++) await sink.write([record(1, 1, now), record(2, 1, now - 60_001)], never, at(1, 2))
    expect([await outside.pExpireTime(`${prefix}1`), await rowsOf(prefix)]).toEqual([now + 60_000, [[1, 1]]])
  })

  it('lets the later timestamp win, or the greater number', async () => {
    const { sink, prefix } = cache({ version: 'timestamp' })
    await opened(sink)
    await sink.write([record(1, 1, 20), record(1, 2, 10), record(2, 1, 5), record(2, 2, 5)], never)
    expect(await rowsOf(prefix)).toEqual([
      [1, 1],
      [2, 2],
    ])
    const numbered = cache({ version: event => event?.revision ?? 0 })
    await opened(numbered.sink)
    await numbered.sink.write([record(1, 7), record(1, 3)], never)
    expect(await rowsOf(numbered.prefix)).toEqual([[1, 7]])
  })

  it('loses nothing when Redis is killed and comes back', async () => {
    const { sink, prefix } = cache()
    await opened(sink)
    const batch = Array.from({ length: 2000 }, (_, i) => record(i % 700, i))
    await writeAll(sink, batch.slice(0, 1000), () => {})
    await server.kill()
    const writing = writeAll(sink, batch, () => {})
    await server.start()
    await writing
    await expect.poll(() => outside.isReady, { timeout: 10_000 }).toBe(true)
    expect(Object.fromEntries(await rowsOf(prefix))).toEqual(Object.fromEntries(batch.map(({ value }) => [value.id, value.revision])))
  })

  it('says what cannot help, and which row is to blame', async () => {
    const { sink, prefix } = cache()
    await opened(sink)
    await outside.set(`${prefix}2`, 'another')
    const batch = [record(1, 1), record(2, 1), { ...record(3, 1), key: null }, record(4, 1)]
    expect(await failuresOf(sink.write(batch, never, counted()))).toEqual([
      [1, 'poison'],
      [2, 'poison'],
    ])
    expect(await rowsOf(prefix)).toEqual([
      [1, 1],
      [4, 1],
    ])
    await expect(sink.write([record(1, 1)], never)).rejects.toMatchObject({ kind: 'permanent' })
    const topics: Places = { position: index => ({ topic: `t${index}`, partition: 0, offset: 9 }), nth: () => 0 }
    await expect(sink.write([record(1, 1), record(1, 2)], never, topics)).rejects.toThrow('several topics')
    await expect(cache().sink.write([record(1, 1)], never)).rejects.toThrow('not open')
    await expect(cache({ url: 'redis://127.0.0.1:1' }).sink.open?.()).rejects.toMatchObject({ kind: 'transient', away: true })
    await expect(cache({ url: server.url.replace('//', '//nobody:wrong@') }).sink.open?.()).rejects.toMatchObject({ kind: 'permanent' })
  })

  it('waits for a Redis that has no memory left, which answers', async () => {
    const { sink, prefix } = cache()
    await opened(sink)
    await outside.configSet('maxmemory', '1')
    const refused = await sink.write([record(1, 1)], never, at(1)).catch((thrown: SinkError) => thrown)
    await outside.configSet('maxmemory', '0')
    expect(refused).toMatchObject({ kind: 'transient', away: false })
    await sink.write([record(1, 1)], never, at(1))
    expect(await rowsOf(prefix)).toEqual([[1, 1]])
  })

  it.each<[CacheOptions, string]>([
    [{ url: 'http://localhost' }, 'url'],
    [{ prefix: '' }, 'prefix'],
    [{ ttl: 0 }, 'ttl'],
    [{ deletedTtl: 1.5 }, 'deletedTtl'],
    [{ requestTimeout: 0 }, 'requestTimeout'],
  ])('refuses %o', (options, message) => {
    expect(() => redisCache({ prefix: 'p:', ...options })).toThrow(message)
  })
})

describe('redis stream', () => {
  it('adds entries in order, with key, value and fields', async () => {
    const { sink, stream } = toStream({ fields: event => ({ client: `c${event.id}` }) })
    await opened(sink)
    const batch = Array.from({ length: 1500 }, (_, i) => record(i % 7, i))
    await sink.write([{ ...record(1, 0), key: null }, ...batch], never, counted())
    const [first, second, ...rest] = await entriesOf(stream)
    expect(first?.message).toEqual({ value: '{"id":1,"revision":0}', client: 'c1' })
    expect(second?.message).toEqual({ key: '0', value: '{"id":0,"revision":0}', client: 'c0' })
    expect(rest.map(({ message }) => (JSON.parse(message.value!) as Event).revision)).toEqual(
      batch.slice(1).map(({ value }) => value.revision),
    )
  })

  it('loses, doubles and reorders nothing when answers are lost after entries were added', async () => {
    const { sink, stream } = toStream({ url: throughProxy() })
    await opened(sink)
    const batch = Array.from({ length: 3000 }, (_, i) => record(i % 20, i))
    proxy.loseAnswers(3)
    await writeAll(sink, batch, tries => {
      if (tries === 5) proxy.mend()
    })
    expect(proxy.lost).toBeGreaterThan(0)
    expect(await rowsIn(stream)).toEqual(batch.map(({ value: { id, revision } }) => [id, revision]))
  })

  it('loses, doubles and reorders nothing when Redis is killed and comes back', async () => {
    const { sink, stream } = toStream()
    await opened(sink)
    const batch = Array.from({ length: 5000 }, (_, i) => record(i % 20, i))
    const writing = writeAll(sink, batch, () => {})
    await expect.poll(() => outside.xLen(stream)).toBeGreaterThan(0)
    await server.kill()
    await server.start()
    await writing
    await expect.poll(() => outside.isReady, { timeout: 10_000 }).toBe(true)
    expect(await rowsIn(stream)).toEqual(batch.map(({ value: { id, revision } }) => [id, revision]))
  })

  it('adds each input record once, as long as it is among the last idsMax, also within a batch', async () => {
    const { sink, stream } = toStream({ idsMax: 10 })
    await opened(sink)
    const write = (...offsets: number[]) =>
      sink.write(
        offsets.map(offset => record(1, offset)),
        never,
        at(...offsets),
      )
    await write(1, 2, 3, 2)
    await write(1, 2, 3, 4)
    expect(await rowsIn(stream)).toEqual([1, 2, 3, 4].map(offset => [1, offset]))
    const after = Array.from({ length: 30 }, (_, i) => 5 + i)
    for (const offset of after) {
      await write(offset)
      await write(...after.filter(other => other > offset - 10 && other <= offset))
    }
    expect((await rowsIn(stream)).map(([, offset]) => offset)).toEqual([1, 2, 3, 4, ...after])
    await write(4)
    expect((await rowsIn(stream)).at(-1)).toEqual([1, 4])
    const kept = (await outside.sCard(`{${stream}}:ids`)) + (await outside.sCard(`{${stream}}:ids:earlier`))
    expect(kept).toBeLessThanOrEqual(20)
  })

  it('adds again what is written again with idsMax: 0, and says so', async () => {
    const { sink, stream } = toStream({ idsMax: 0 })
    await opened(sink)
    for (let i = 0; i < 2; i++) await sink.write([record(1, 1)], never)
    expect([(await rowsIn(stream)).length, sink.idempotent, await outside.exists(`{${stream}}:ids`)]).toEqual([2, false, 0])
  })

  it('drops what is older than the last lengthMax, in whole blocks of Redis', async () => {
    const { sink, stream } = toStream({ lengthMax: 100 })
    await opened(sink)
    await sink.write(
      Array.from({ length: 2000 }, (_, i) => record(1, i)),
      never,
      counted(),
    )
    const revisions = (await rowsIn(stream)).map(([, revision]) => revision)
    expect(revisions.length).toBeGreaterThanOrEqual(100)
    expect(revisions.length).toBeLessThan(300)
    expect(revisions.at(-1)).toBe(1999)
  })

  it('refuses what has no place in a stream', async () => {
    const { sink, stream } = toStream()
    await opened(sink)
    const tooMany = Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`f${i}`, '']))
    const wide = await opened(toStream({ fields: ({ id }) => (id === 2 ? tooMany : {}) }, stream).sink)
    // fieldsMax is 1000.
    expect(await failuresOf(wide.write([record(1, 1), record(2, 1)], never, at(1, 2)))).toEqual([[1, 'poison']])
    expect(await failuresOf(sink.write([removal(1) as never, record(3, 1)], never, at(3, 4)))).toEqual([[0, 'poison']])
    await expect(sink.write([record(1, 1)], never)).rejects.toThrow('idsMax: 0')
    expect(await rowsIn(stream)).toEqual([
      [1, 1],
      [3, 1],
    ])
    await outside.set('text', 'another')
    const other = await opened(toStream({}, 'text').sink)
    await expect(other.write([record(1, 1)], never, at(1))).rejects.toMatchObject({ kind: 'permanent' })
    expect(() => toStream({ lengthMax: 0 })).toThrow('lengthMax')
    expect(() => toStream({ idsMax: -1 })).toThrow('idsMax')
    expect(() => toStream({}, '')).toThrow('stream')
  })
})
