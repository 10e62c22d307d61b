import type { Places, Sink, SinkError, StreamRecord } from '@riacho/streams'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type LossyProxy, startLossyProxy } from '../../../test/servers/lossy-proxy.ts'
import { type PostgresServer, startPostgres } from '../../../test/servers/postgres.ts'
import { type PostgresOptions, postgres } from './index.ts'

interface Row {
  readonly id: number
  readonly revision: number
}
type Options = PostgresOptions<string, Row, 'id' | 'revision'>

const never = new AbortController().signal
let server: PostgresServer
let proxy: LossyProxy
let outside: Client
let tables = 0
const sinks: Sink<string, Row>[] = []

beforeAll(async () => {
  server = await startPostgres()
  proxy = await startLossyProxy(server.port)
  outside = await connected()
}, 180_000)
afterEach(async () => {
  for (const sink of sinks.splice(0)) await sink.close?.()
  proxy.mend()
})
afterAll(async () => {
  await outside?.end()
  await proxy?.stop()
  await server?.stop()
})

const connected = async (): Promise<Client> => {
  const client = new Client(server.url)
  client.on('error', () => {})
  await client.connect()
  return client
}
const run = async (text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> => (await outside.query(text, values)).rows
const newTable = (): string => `event_${++tables}`
const optionsFor = (table: string): Options => ({
  url: server.url,
  table,
  create: true,
  columns: { id: 'bigint', revision: 'integer not null' },
  key: ['id'],
  row: row => row,
  keyOf: key => ({ id: key }),
})
const record = (id: number, revision: number): StreamRecord<string, Row> => ({
  key: String(id),
  value: { id, revision },
  timestamp: 0,
  headers: [],
})
const removal = (id: number): StreamRecord<string, null> => ({ ...record(id, 0), value: null })
const heldIn = async (table: string): Promise<(readonly [number, number])[]> =>
  (await run(`select id::int, revision from ${table} order by id`)).map(({ id, revision }) => [Number(id), Number(revision)] as const)
const from = (offset: number): Places => ({ position: index => ({ topic: 'in', partition: 0, offset: offset + index }), nth: () => 0 })
const opened = async (table: string, options: Partial<Options> = {}): Promise<Sink<string, Row>> => {
  const sink = postgres({ ...optionsFor(table), ...options })
  await sink.open?.()
  sinks.push(sink)
  return sink
}

describe('a statement that takes too long', () => {
  const locked = async (table: string) => {
    const sink = await opened(table, { requestTimeout: 300 })
    await sink.write([record(1, 1)], never)
    const other = await connected()
    await other.query('begin')
    await other.query(`update ${table} set revision = 0`)
    return { sink, other }
  }
  const running = async (table: string): Promise<number> =>
    (await run("select from pg_stat_activity where state = 'active' and query like $1", [`insert into "${table}"%`])).length

  it('is cancelled at the server when the stage gives it up, and writes nothing later', async () => {
    const table = newTable()
    const { sink, other } = await locked(table)
    const abort = new AbortController()
    const writing = sink.write([record(1, 2)], abort.signal)
    await expect.poll(() => running(table)).toBe(1)
    abort.abort(new Error('given up'))
    await expect(writing).rejects.toThrow('given up')
    await expect.poll(() => running(table)).toBe(0)
    await other.query('rollback')
    expect(await heldIn(table)).toEqual([[1, 1]])
    await sink.write([record(1, 3)], never)
    expect(await heldIn(table)).toEqual([[1, 3]])
    await other.end()
  })

  it('is cancelled after requestTimeout, which is transient', async () => {
    const table = newTable()
    const { sink, other } = await locked(table)
    await expect(sink.write([record(1, 2)], never)).rejects.toMatchObject({
      kind: 'transient',
      away: false,
      message: expect.stringContaining('requestTimeout'),
    })
    await expect.poll(() => running(table)).toBe(0)
    await other.end()
  })

  it('is given up with its connection when nothing answers', async () => {
    const table = newTable()
    const sink = await opened(table, { port: proxy.port, requestTimeout: 300 })
    proxy.delay(60_000)
    await expect(sink.write([record(1, 2)], never)).rejects.toMatchObject({ kind: 'transient', away: true })
    proxy.mend()
    await sink.write([record(1, 3)], never)
    expect(await heldIn(table)).toEqual([[1, 3]])
  })

  it('keeps others waiting: at most connectionsMax are in use, and who waits can be given up', async () => {
    const table = newTable()
    const sink = await opened(table, { connectionsMax: 2 })
    await sink.write([record(1, 1)], never)
    const other = await connected()
    await other.query('begin')
    await other.query(`update ${table} set revision = 0`)
    const writes = Array.from({ length: 6 }, (_, revision) => sink.write([record(1, revision)], never))
    const abort = new AbortController()
    const given = sink.write([record(1, 9)], abort.signal)
    await expect.poll(() => running(table)).toBe(2)
    abort.abort(new Error('given up'))
    await expect(given).rejects.toThrow('given up')
    expect(await running(table)).toBe(2)
    await other.query('rollback')
    await Promise.all(writes)
    await other.end()
  })
})

describe('a server', () => {
  it('that is killed is away, and is written to when it is back', async () => {
    const table = newTable()
    const sink = await opened(table)
    await sink.write([record(1, 1)], never)
    await server.kill()
    try {
      await expect(sink.write([record(1, 2)], never)).rejects.toMatchObject({ kind: 'transient', away: true })
      await expect(sink.write([record(1, 2)], never)).rejects.toMatchObject({ kind: 'transient', away: true })
    } finally {
      await server.restart()
      outside = await connected()
    }
    await sink.write([record(1, 2)], never)
    expect(await heldIn(table)).toEqual([[1, 2]])
  })

  it('whose answers are lost holds what a stage that tries again wrote last', async () => {
    const table = newTable()
    const sink = await opened(table, { port: proxy.port, version: { column: 'version' }, requestTimeout: 2000 })
    proxy.loseAnswers(7)
    for (let revision = 1; revision <= 30; revision++) {
      const batch = Array.from({ length: 20 }, (_, id) => (id % 7 === revision % 7 ? removal(id) : record(id, revision)))
      for (let tries = 1; ; tries++) {
        const error = await sink.write(batch, never, from(revision * 20)).catch((thrown: SinkError) => thrown)
        if (error === undefined) break
        expect(error.kind).toBe('transient')
        expect(tries).toBeLessThan(50)
      }
    }
    expect(proxy.lost).toBeGreaterThan(5)
    expect(await heldIn(table)).toEqual(Array.from({ length: 20 }, (_, id) => [id, 30] as const).filter(([id]) => id % 7 !== 30 % 7))
  })

  it('that refuses says what to do', async () => {
    const table = newTable()
    await run(`create table ${table} (id bigint primary key, revision integer)`)
    await run('create role reader login; grant usage on schema public to reader; create role one login connection limit 0')
    await run(`grant select on ${table} to reader`)
    const reader = await opened(table, { create: false, user: 'reader' })
    await expect(reader.write([record(1, 1)], never)).rejects.toMatchObject({
      kind: 'permanent',
      message: expect.stringContaining('grant'),
    })
    await expect(opened(table, { user: 'one' })).rejects.toMatchObject({
      kind: 'transient',
      message: expect.stringContaining('connectionsMax'),
    })
    await expect(opened(table, { database: 'none' })).rejects.toMatchObject({
      kind: 'permanent',
      message: expect.stringContaining('database'),
    })
    await expect(opened(table, { tls: {} })).rejects.toMatchObject({ kind: 'permanent', message: expect.stringContaining('SSL') })
    await expect(opened(table, { host: 'no.such.host.invalid' })).rejects.toMatchObject({ kind: 'transient', away: true })
    const sink = await opened(table)
    await run(`drop table ${table}`)
    await expect(sink.write([record(1, 1)], never)).rejects.toMatchObject({
      kind: 'permanent',
      message: expect.stringContaining('create it'),
    })
    await expect(postgres(optionsFor(table)).write([record(1, 1)], never)).rejects.toMatchObject({ kind: 'permanent' })
  })

  it('with TLS and passwords is written to by who has them; others are told what is wrong', async () => {
    const secure = await startPostgres({ secure: true })
    const tls = { ca: secure.certificate }
    const openedWith = (options: Partial<Options>) => opened('event', { url: secure.url, tls, ...options })
    try {
      const sink = await openedWith({ password: async () => 'palavra' })
      await sink.write([record(1, 1)], never)
      await openedWith({}).then(second => second.write([record(2, 1)], never))
      await expect(openedWith({ password: 'canary' })).rejects.toMatchObject({
        kind: 'permanent',
        message: expect.not.stringContaining('canary'),
      })
      await expect(openedWith({ tls: {} })).rejects.toMatchObject({ kind: 'permanent', message: expect.stringMatching(/certificate/) })
      await expect(openedWith({ tls: { ...tls, servername: 'other' } })).rejects.toMatchObject({ kind: 'permanent' })
      await expect(postgres({ ...optionsFor('event'), url: secure.url }).open?.()).rejects.toMatchObject({ kind: 'permanent' })
    } finally {
      for (const sink of sinks.splice(0)) await sink.close?.()
      await secure.stop()
    }
  }, 120_000)
})
