import { setTimeout as sleep } from 'node:timers/promises'
import type { SinkError, StreamRecord } from '@riacho/streams'
import { type SinkFixture, sinkSuite } from '@riacho/testing/suites'
import { Client } from 'cassandra-driver'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { scyllaPipelineTests } from '../../../test/e2e/scylla.ts'
import { type CassandraServer, startCassandra } from '../../../test/servers/cassandra.ts'
import { type LossyProxy, startLossyProxy } from '../../../test/servers/lossy-proxy.ts'
import { type CqlClient, type ScyllaOptions, scylla, scyllaLookup } from './index.ts'

interface Event {
  readonly id: number
  readonly revision: number | null | undefined
  readonly note?: string | null
}
type Columns = 'id' | 'revision' | 'note'
type Options = ScyllaOptions<string, Event, Columns>

const never = new AbortController().signal
let server: CassandraServer
let proxy: LossyProxy
let outside: Client
let tables = 0

beforeAll(async () => {
  server = await startCassandra()
  proxy = await startLossyProxy(server.port)
  outside = new Client({
    contactPoints: [`${server.host}:${server.port}`],
    localDataCenter: 'datacenter1',
    encoding: { useBigIntAsLong: true },
  })
  await outside.execute("CREATE KEYSPACE riacho WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
}, 180_000)
afterAll(async () => {
  await outside?.shutdown()
  await proxy?.stop()
  await server?.stop()
})

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const newTable = (): string => `event_${++tables}`
const cluster = () => ({ contactPoints: [`127.0.0.1:${server.port}`], localDataCenter: 'datacenter1', keyspace: 'riacho' })
const optionsFor = (table: string): Options => ({
  ...cluster(),
  table,
  create: true,
  columns: { id: 'bigint', revision: 'int', note: 'text' },
  key: { partition: ['id'] },
  row: ({ id, revision, note }) => ({ id, revision, note }),
  keyOf: key => ({ id: Number(key) }),
})
const record = (id: number, revision: number | null | undefined, note?: string | null): StreamRecord<string, Event> => ({
  key: String(id),
  value: { id, revision, ...(note !== undefined && { note }) },
  timestamp: 0,
  headers: [],
})
const removal = (id: number): StreamRecord<string, null> => ({ ...record(id, 0), value: null })
/** Records of consecutive offsets. */
const from = (offset: number, topic = 'in') => ({
  position: (index: number) => ({ topic, partition: 0, offset: offset + index }),
  nth: () => 0,
})
const rows = async (table: string, columns = 'id, revision') =>
  (await outside.execute(`SELECT ${columns} FROM riacho.${table}`, [], { fetchSize: 10_000 })).rows.map(row => row.values())
const heldIn = async (table: string): Promise<[number, number][]> =>
  (await rows(table)).map(([id, revision]): [number, number] => [Number(id), revision]).sort(([a], [b]) => a - b)

async function opened(options: Partial<Options> = {}, table = newTable()) {
  const sink = scylla({ ...optionsFor(table), ...options } as Options)
  await sink.open?.()
  closing.push(async () => sink.close?.())
  return { sink, table }
}

const make = async (options: Partial<Options> = {}): Promise<SinkFixture<string, Event>> => {
  const table = newTable()
  return {
    sink: scylla({ ...optionsFor(table), contactPoints: [`127.0.0.1:${proxy.port}`], ...options } as Options),
    record,
    removal,
    poison: () => record(99, 'no number' as never),
    held: () => heldIn(table),
    outage: async () => {
      await proxy.cut()
      return async () => {
        proxy.mend()
        // The driver looks for its hosts every half second.
        await sleep(1500)
      }
    },
    close: async () => proxy.mend(),
  }
}

sinkSuite({ name: 'scylla', make: () => make() }, { describe, it, expect })
describe('rows of a partition together', () => {
  const clustered = {
    partitionRowsMax: 7,
    key: { partition: ['note'], clustering: ['id'] },
    row: (e: Event) => ({ ...e, note: 'p' }),
    keyOf: (k: string) => ({ note: 'p', id: Number(k) }),
  } as const
  sinkSuite({ name: 'scylla, clustering', make: () => make(clustered) }, { describe, it, expect })
})

describe('versions', () => {
  it('come from offsets: what is written again, late, or by who was replaced, loses', async () => {
    const { sink, table } = await opened()
    await sink.write([record(1, 10), record(1, 11)], never, from(100))
    const zombie = (await opened({}, table)).sink
    await zombie.write([record(1, 9)], never, from(99))
    await zombie.write([record(1, 10), record(1, 11)], never, from(100))
    await zombie.write([removal(1)], never, from(98))
    expect(await rows(table, 'id, revision, writetime(revision)')).toEqual([[1n, 11, 101_000n]])
    await sink.write([removal(1)], never, from(102))
    await zombie.write([record(1, 10)], never, from(100))
    expect(await heldIn(table)).toEqual([])
  })

  it('of several records from one offset keep their order: a delete and the row that takes its place', async () => {
    const { sink, table } = await opened()
    const places = { position: () => ({ topic: 'in', partition: 0, offset: 5 }), nth: (index: number) => index }
    await sink.write([record(1, 1), removal(1), record(1, 2), record(2, 1), removal(2)], never, places)
    expect(await heldIn(table)).toEqual([[1, 2]])
  })

  it('are the caller’s where offsets cannot be compared', async () => {
    const { sink } = await opened()
    await sink.write([record(1, 1)], never, from(0, 'a'))
    await expect(sink.write([record(1, 1)], never, from(0, 'b'))).rejects.toMatchObject({
      kind: 'permanent',
      message: expect.stringContaining('version'),
    })
    await expect(sink.write([record(1, 1)], never)).rejects.toMatchObject({ kind: 'permanent' })
    const { sink: given, table } = await opened({ version: event => event?.revision ?? 0 })
    await given.write([record(1, 3), record(1, 2)], never)
    expect(await heldIn(table)).toEqual([[1, 3]])
  })

  it('have an epoch for a topic that was made anew', async () => {
    const { sink, table } = await opened()
    await sink.write([record(1, 1)], never, from(1000))
    const { sink: later } = await opened({ epoch: 2_000_000 }, table)
    await later.write([record(1, 2)], never, from(0))
    expect(await heldIn(table)).toEqual([[1, 2]])
  })
})

describe('columns', () => {
  it('that are undefined stay as they are, and null deletes', async () => {
    const { sink, table } = await opened()
    await sink.write([record(1, 1, 'kept'), record(1, 2), record(2, 1, 'gone'), record(2, undefined, null)], never, from(0))
    expect((await rows(table, 'id, revision, note')).sort()).toEqual([
      [1n, 2, 'kept'],
      [2n, 1, null],
    ])
  })

  it('vanish after their time to live', async () => {
    const { sink, table } = await opened({ ttl: event => (event.id === 1 ? 1000 : 0) })
    await sink.write([record(1, 1), record(2, 1)], never, from(0))
    const [[, first], [, second]] = (await rows(table, 'id, ttl(revision)')).sort() as [[bigint, number], [bigint, null]]
    expect([first > 990 && first <= 1000, second]).toEqual([true, null])
  })

  it.each<[string, string]>([
    ['CREATE TABLE riacho.T (id bigint PRIMARY KEY, revision int)', 'has no column note'],
    ['CREATE TABLE riacho.T (id bigint PRIMARY KEY, revision bigint, note text)', 'has revision as bigint'],
    ['CREATE TABLE riacho.T (id bigint, revision int, note text, PRIMARY KEY (id, revision))', 'clustering'],
    ['CREATE TABLE riacho.T (id bigint, revision int, note text, PRIMARY KEY (revision))', 'partition key'],
    ['', 'does not exist'],
  ])('are compared with the table: %s', async (cql, message) => {
    const table = newTable()
    if (cql !== '') await outside.execute(cql.replace('.T', `.${table}`))
    const sink = scylla({ ...optionsFor(table), create: false })
    await expect(sink.open?.()).rejects.toMatchObject({ kind: 'permanent', message: expect.stringContaining(message) })
  })

  it('hold every sort of value', async () => {
    const table = newTable()
    const columns = {
      id: 'text',
      b: 'blob',
      t: 'timestamp',
      l: 'list<int>',
      m: 'map<text, bigint>',
      v: 'varint',
      d: 'double',
      o: 'boolean',
    } as const
    const sink = scylla<string, Record<string, unknown>, keyof typeof columns>({
      ...cluster(),
      table,
      create: true,
      columns,
      key: { partition: ['id'] },
      row: value => value as never,
      version: () => 1,
    })
    await sink.open?.()
    closing.push(async () => sink.close?.())
    const value = {
      id: "'; DROP TABLE x; --",
      b: Buffer.from([0, 255]),
      t: new Date(5),
      l: [1, 2],
      m: { __proto__x: 7n },
      v: 2n ** 70n,
      d: 0.5,
      o: false,
    }
    await sink.write([{ key: 'k', value, timestamp: 0, headers: [] }], never)
    expect((await outside.execute(`SELECT id, b, t, l, m, d, o FROM riacho.${table}`)).rows[0]?.values()).toEqual([
      value.id,
      value.b,
      value.t,
      value.l,
      { __proto__x: 7n },
      0.5,
      false,
    ])
  })
})

describe('failures', () => {
  const failuresOf = async (work: Promise<void>): Promise<[number, string][]> => {
    const thrown = await work.then(
      () => undefined,
      (error: unknown) => error,
    )
    return [...((thrown as SinkError).failures ?? [])].map(([index, { kind }]) => [index, kind])
  }

  it('name the rows and write the others', async () => {
    const { sink, table } = await opened()
    const batch = [record(1, 1), record(2, 'x' as never), record(3, 1), removal(Number.NaN), record(5, 1, 'y'.repeat(9_000_000))]
    expect(await failuresOf(sink.write(batch, never, from(0)))).toEqual([
      [1, 'poison'],
      [3, 'poison'],
      [4, 'poison'],
    ])
    expect(await heldIn(table)).toEqual([
      [1, 1],
      [3, 1],
    ])
  })

  it('of a table that was dropped are no row’s fault', async () => {
    const { sink, table } = await opened()
    await outside.execute(`DROP TABLE riacho.${table}`)
    await expect(sink.write([record(1, 1)], never, from(0))).rejects.toMatchObject({ kind: 'permanent' })
  })

  it('of a host that is not there are transient, and say that it is away', async () => {
    const sink = scylla({ ...optionsFor('t'), contactPoints: ['127.0.0.1:1'] })
    await expect(sink.open?.()).rejects.toMatchObject({ kind: 'transient', away: true })
  })

  it('lose no row and double none when answers are lost after the write was applied', async () => {
    const { sink, table } = await opened({ contactPoints: [`127.0.0.1:${proxy.port}`], requestTimeout: 2000 })
    const batch = Array.from({ length: 200 }, (_, id) => record(id, 1))
    proxy.loseAnswers(2)
    await expect(sink.write(batch, never, from(0))).rejects.toMatchObject({ kind: 'transient' })
    proxy.mend()
    await expect.poll(() => sink.write(batch, never, from(0)).then(() => 'written', String), { timeout: 20_000 }).toBe('written')
    expect((await heldIn(table)).length).toBe(200)
    expect(proxy.lost).toBeGreaterThan(0)
  })
})

describe('a client made elsewhere', () => {
  it('is used, connected if need be, and left open', async () => {
    const client = new Client({ contactPoints: [`127.0.0.1:${server.port}`], localDataCenter: 'datacenter1' })
    closing.push(() => client.shutdown())
    const table = newTable()
    const { contactPoints: _, localDataCenter: __, ...rest } = optionsFor(table)
    const sink = scylla({ ...rest, client: client as unknown as CqlClient })
    await sink.open?.()
    await sink.write([record(1, 1), removal(3)], never, from(7))
    await sink.close?.()
    expect(await heldIn(table)).toEqual([[1, 1]])
    expect((await client.execute('SELECT key FROM system.local')).rowLength).toBe(1)
  })
})

describe('look-ups', () => {
  it('give the row that was valid at a time', async () => {
    const table = newTable()
    await outside.execute(
      `CREATE TABLE riacho.${table} (sku text, unit text, valid_from timestamp, price double, PRIMARY KEY ((sku, unit), valid_from))`,
    )
    for (const [time, price] of [
      [1000, 1.5],
      [2000, 2.5],
    ])
      await outside.execute(`INSERT INTO riacho.${table} (sku, unit, valid_from, price) VALUES ('a', 'h', ?, ?)`, [time, price], {
        prepare: true,
      })
    const prices = scyllaLookup({ ...cluster(), table, key: ['sku', 'unit'], validFrom: 'valid_from', columns: ['price', 'valid_from'] })
    closing.push(() => prices.close())
    const priceAt = async (time: number) => (await prices.get(['a', 'h'], time))?.price
    expect(await Promise.all([999, 1000, 1999, 2000, 9999].map(priceAt))).toEqual([undefined, 1.5, 1.5, 2.5, 2.5])
    expect(await prices.get(['b', 'h'], 9999)).toBeNull()
    await expect(prices.get(['a'], 1)).rejects.toMatchObject({ code: 'RIACHO_SCYLLA_OPTION' })
    await expect(prices.get([5 as never, 'h'], 1)).rejects.toMatchObject({ kind: 'poison' })
  })
})

scyllaPipelineTests(
  () => server,
  async table => {
    // One of its own: the server was away.
    const fresh = new Client({ contactPoints: [`${server.host}:${server.port}`], localDataCenter: 'datacenter1' })
    const found = await fresh.execute(`SELECT id, revision FROM riacho.${table}`, [], { fetchSize: 10_000 })
    await fresh.shutdown()
    return found.rows.map(row => [row.get('id'), row.get('revision')])
  },
)

describe('a cluster with TLS and passwords', () => {
  it('is written to by who has them; others are told what is wrong', async () => {
    const secure = await startCassandra({ secure: true })
    const place = { contactPoints: [`127.0.0.1:${secure.port}`], localDataCenter: 'datacenter1' }
    const tls = { ca: secure.certificate }
    const credentials = { username: 'cassandra', password: 'cassandra' }
    const admin = new Client({ ...place, sslOptions: tls, credentials })
    try {
      // The first user is made a moment after the start.
      await expect.poll(() => admin.connect().then(() => 'in', String), { timeout: 30_000 }).toBe('in')
      await admin.execute("CREATE KEYSPACE riacho WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
      await admin.execute("CREATE ROLE reader WITH PASSWORD = 'r' AND LOGIN = true")
      const sink = scylla({ ...optionsFor('event'), ...place, tls, credentials })
      await sink.open?.()
      await sink.write([record(1, 1)], never, from(0))
      await sink.close?.()
      expect((await admin.execute('SELECT id FROM riacho.event')).rowLength).toBe(1)
      const openedWith = (options: Partial<Options>): Promise<void> | undefined =>
        scylla({ ...optionsFor('event'), ...place, tls, credentials, ...options }).open?.()
      await expect(openedWith({ credentials: { ...credentials, password: 'canary' } })).rejects.toMatchObject({
        kind: 'permanent',
        message: expect.not.stringContaining('canary'),
      })
      await expect(openedWith({ tls: {} })).rejects.toMatchObject({ message: expect.stringMatching(/certificate/) })
    } finally {
      await admin.shutdown()
      await secure.stop()
    }
  }, 180_000)
})

describe('options', () => {
  it.each<[Partial<Record<keyof Options, unknown>>, string]>([
    [{ contactPoints: [] }, 'contactPoints'],
    [{ localDataCenter: '' }, 'localDataCenter'],
    [{ table: 'event; DROP' }, 'table'],
    [{ keyspace: '"' }, 'keyspace'],
    [{ columns: { 'a"b': 'text' } }, 'column'],
    [{ columns: { id: 'bigint', revision: 'int); --' } }, 'type of column revision'],
    [{ columns: { id: 'bigint', revision: 'counter' } }, 'counter'],
    [{ key: { partition: [] } }, 'key.partition is empty'],
    [{ key: { partition: ['nope'] } }, 'not among the columns'],
    [{ key: { partition: ['id'], clustering: ['id'] } }, 'twice'],
    [{ statementsMax: 0 }, 'statementsMax'],
    [{ ttl: -1 }, 'ttl'],
    [{ epoch: 0.5 }, 'epoch'],
    [{ client: {} }, 'client'],
  ])('refuses %o', (options, message) => {
    expect(() => scylla({ ...optionsFor('t'), contactPoints: ['h'], ...options } as Options)).toThrow(message)
  })
})
