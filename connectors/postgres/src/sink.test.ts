import type { Places, Sink, SinkError, StreamRecord } from '@riacho/streams'
import { type Held, type SinkFixture, sinkSuite } from '@riacho/testing/suites'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type LossyProxy, startLossyProxy } from '../../../test/servers/lossy-proxy.ts'
import { type PostgresServer, startPostgres } from '../../../test/servers/postgres.ts'
import { type PostgresOptions, type PostgresValue, postgres } from './index.ts'

type Row = Readonly<Record<string, PostgresValue>>
type Options = PostgresOptions<string, Row, string>

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
const place = () => ({ host: '127.0.0.1', port: server.port, user: 'postgres', database: 'postgres' })
const newTable = (): string => `event_${++tables}`
const optionsFor = (table: string): Options => ({
  ...place(),
  table,
  create: true,
  columns: { id: 'bigint', revision: 'integer not null' },
  key: ['id'],
  row: row => row,
  keyOf: key => ({ id: key }),
})
const record = (id: number, revision: PostgresValue): StreamRecord<string, Row> => recordOf({ id, revision })
const recordOf = (value: Row): StreamRecord<string, Row> => ({ key: String(value.id), value, timestamp: 0, headers: [] })
const removal = (id: number): StreamRecord<string, null> => ({ ...record(id, 0), value: null })
const heldIn = async (table: string): Promise<Held[]> =>
  (await run(`select id::int, revision from ${table} order by id`)).map(({ id, revision }) => [Number(id), Number(revision)])
const from = (offset: number, topic = 'in'): Places => ({
  position: index => ({ topic, partition: 0, offset: offset + index }),
  nth: () => 0,
})
const opened = async (table: string, options: Partial<Options> = {}): Promise<Sink<string, Row>> => {
  const sink = postgres({ ...optionsFor(table), ...options })
  await sink.open?.()
  sinks.push(sink)
  return sink
}
const failure = async (work: Promise<void>): Promise<SinkError> => {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(thrown).toMatchObject({ name: 'SinkError' })
  return thrown as SinkError
}

const make =
  (options: Partial<Options> = {}) =>
  async (): Promise<SinkFixture<string, Row>> => {
    const table = newTable()
    return {
      sink: postgres({ ...optionsFor(table), ...options, port: proxy.port }),
      record,
      removal,
      poison: () => record(99, null),
      held: () => heldIn(table),
      outage: async () => {
        await proxy.cut()
        return async () => proxy.mend()
      },
      close: async () => {},
    }
  }

sinkSuite({ name: 'postgres', make: make() }, { describe, it, expect })
sinkSuite({ name: 'postgres with versions', make: make({ version: { column: 'version' } }) }, { describe, it, expect })

describe('table', () => {
  it('is made with its key and its version, by two at once', async () => {
    const table = newTable()
    await Promise.all(Array.from({ length: 4 }, () => opened(table, { version: { column: 'version' } })))
    expect(await run('select column_name, data_type, is_nullable from information_schema.columns where table_name = $1', [table])).toEqual([
      { column_name: 'id', data_type: 'bigint', is_nullable: 'NO' },
      { column_name: 'revision', data_type: 'integer', is_nullable: 'NO' },
      { column_name: 'version', data_type: 'bigint', is_nullable: 'YES' },
    ])
  })

  it('may be there, in a schema, with other names of types, further columns, and a unique index', async () => {
    await run('create schema "Other"')
    await run('create table "Other".t (revision int4, id int8 not null, extra text default 1)')
    await run('create unique index on "Other".t (id)')
    const sink = await opened('t', { schema: 'Other', create: false, columns: { id: 'bigint', revision: 'int' } })
    await sink.write([record(1, 1), record(1, 2)], never)
    expect(await run('select * from "Other".t')).toEqual([{ revision: 2, id: '1', extra: '1' }])
  })

  it.each([
    [undefined, 'does not exist'],
    ['(id bigint primary key)', 'has no column revision'],
    ['(id bigint primary key, revision text)', 'has revision as text, not as integer'],
    ['(id bigint, revision integer)', 'no primary key or unique index on (id)'],
    ['(id bigint, revision integer, unique (id) deferrable)', 'no primary key or unique index on (id)'],
    ['(id bigint, revision integer, primary key (id, revision))', 'no primary key or unique index on (id)'],
    ['(id bigint primary key, revision integer, more text not null)', 'needs a value for more'],
  ])('is refused when it is not what the options say: %s', async (columns, message) => {
    const table = newTable()
    if (columns !== undefined) await run(`create table ${table} ${columns}`)
    await expect(opened(table, { create: false })).rejects.toMatchObject({ kind: 'permanent', message: expect.stringContaining(message) })
  })

  it('may have nothing but key columns', async () => {
    const table = newTable()
    const sink = await opened(table, { key: ['id', 'revision'] })
    await sink.write([record(1, 1), record(1, 2), record(1, 1)], never)
    await sink.write([record(1, 1)], never)
    expect(await heldIn(table)).toEqual([
      [1, 1],
      [1, 2],
    ])
  })
})

describe('columns', () => {
  it('hold what was given', async () => {
    const types = { id: 'bigint', a: 'text', b: 'bytea', c: 'jsonb', d: 'text[]', e: 'timestamptz', f: 'numeric(12,2)', g: 'boolean' }
    const values: Row[] = [
      {
        id: 1,
        a: 'a "quoted" \\ {text}, ação ✓ 🙂\n',
        b: Buffer.from([0, 255, 92]),
        c: { a: ['"', null] },
        d: ['NULL', null, '"', '\\', ''],
      },
      { id: 9007199254740993n, a: '', b: new Uint8Array(0), c: 'text', d: [], e: new Date(1_700_000_000_123), f: '12.5', g: false },
      { id: 3, a: 'null', b: null, c: [1, 2], d: [['a'], ['b']], e: null, f: 3, g: true },
    ]
    const table = newTable()
    const sink = await opened(table, { columns: types })
    await sink.write(values.map(recordOf), never)
    const absent = { b: null, e: null, f: null, g: null }
    expect(await run(`select * from ${table} order by id`)).toEqual([
      { ...absent, ...values[0], id: '1' },
      { ...absent, ...values[2], id: '3', f: '3.00' },
      { ...values[1], id: '9007199254740993', b: Buffer.alloc(0), f: '12.50' },
    ])
  })

  it('stay as they are when they are undefined, and are the default in a new row', async () => {
    const table = newTable()
    await run(`create table ${table} (id bigint primary key, a text default 'new', b text)`)
    const sink = await opened(table, { columns: { id: 'bigint', a: 'text', b: 'text' } })
    await sink.write([recordOf({ id: 1, b: 'one' }), recordOf({ id: 2, a: 'a', b: 'two' }), recordOf({ id: 1, b: undefined })], never)
    await sink.write([recordOf({ id: 2, a: 'changed' }), recordOf({ id: 1, b: null })], never)
    // What comes after a removal begins anew.
    await sink.write([recordOf({ id: 3, a: 'old', b: 'old' })], never)
    await sink.write([removal(3), recordOf({ id: 3, b: 'three' })], never)
    expect(await run(`select * from ${table} order by id`)).toEqual([
      { id: '1', a: 'new', b: null },
      { id: '2', a: 'changed', b: 'two' },
      { id: '3', a: 'new', b: 'three' },
    ])
  })
})

describe('poison', () => {
  it('is named by place, and all others are written', async () => {
    const table = newTable()
    await run(`create table ${table} (id bigint primary key, revision integer check (revision < 1000), code varchar(3))`)
    const sink = await opened(table, { columns: { id: 'bigint', revision: 'integer', code: 'varchar' } })
    const bad: readonly PostgresValue[] = [1000, 'one', 1.5, 1e10]
    const batch = Array.from({ length: 200 }, (_, id) => record(id, id % 50 === 7 ? bad[(id - 7) / 50] : 1))
    batch[100] = recordOf({ id: 100, revision: 1, code: 'long' })
    batch[101] = recordOf({ id: 101, code: 'a\0b' })
    batch[102] = recordOf({ id: null, revision: 1 })
    batch[103] = recordOf({ id: 103, revision: new Date(Number.NaN) })
    const error = await failure(sink.write(batch, never))
    expect([error.kind, error.indexes]).toEqual(['poison', [7, 57, 100, 101, 102, 103, 107, 157]])
    expect([...error.failures!.values()].every(({ kind }) => kind === 'poison')).toBe(true)
    expect(error.message).toContain('8 of 200 rows')
    expect((await heldIn(table)).map(([id]) => id)).toEqual(batch.map((_, id) => id).filter(id => !error.indexes!.includes(id)))
  })

  it('leaves the other records of its row as they would be without it', async () => {
    const table = newTable()
    const sink = await opened(table)
    expect((await failure(sink.write([record(1, 1), record(1, 2), record(2, 1), record(1, null)], never))).indexes).toEqual([3])
    expect(await heldIn(table)).toEqual([
      [1, 2],
      [2, 1],
    ])
  })

  it.each([
    ['uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
    ['numeric', '1', '1.0'],
  ])('a row whose key of type %s is written in two ways is one row, and its last record counts', async (type, one, other) => {
    const table = newTable()
    const sink = await opened(table, { columns: { id: type, revision: 'integer not null' } })
    const put = (id: string, revision: number) => recordOf({ id, revision })
    const remove = (id: string) => ({ ...put(id, 0), key: id, value: null })
    await sink.write([put(one, 1), remove(other)], never)
    expect(await run(`select * from ${table}`)).toEqual([])
    await sink.write([put(one, 1), remove(other), put(other, 2), put(one, 3)], never)
    expect(await run(`select revision from ${table}`)).toEqual([{ revision: 3 }])
  })

  it('is what row and keyOf throw, a null value without keyOf, and what a trigger raises', async () => {
    const table = newTable()
    const { keyOf: _, ...options } = optionsFor(table)
    const sink = postgres<string, Row, string>({
      ...options,
      row: value => {
        if (value.id === 3) throw new Error('no row for 3')
        return value
      },
    })
    sinks.push(sink)
    await sink.open?.()
    await run(`create function refuse() returns trigger language plpgsql as $$ begin raise 'never 4'; end $$`)
    await run(`create trigger no_4 before insert on ${table} for each row when (new.id = 4) execute function refuse()`)
    const error = await failure(sink.write([removal(1), record(3, 1), record(4, 1), record(5, 1)], never))
    expect(error.indexes).toEqual([0, 1, 2])
    for (const reason of ['keyOf', 'no row for 3', 'never 4']) expect(error.message).toContain(reason)
    expect(await heldIn(table)).toEqual([[5, 1]])
  })

  it('is not a key that is written in two ways', async () => {
    const table = newTable()
    const sink = await opened(table, { columns: { id: 'uuid', revision: 'integer' } })
    const id = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
    await sink.write([recordOf({ id, revision: 1 }), recordOf({ id: id.toUpperCase(), revision: 2 })], never)
    expect(await run(`select * from ${table}`)).toEqual([{ id, revision: 2 }])
  })
})

describe('versions', () => {
  const version = { column: 'version' }

  it('of an older offset lose, however late they come', async () => {
    const table = newTable()
    const sink = await opened(table, { version })
    await sink.write([record(1, 5), record(2, 5)], never, from(5))
    await sink.write([record(1, 1), removal(2), record(3, 1)], never, from(1))
    expect(await heldIn(table)).toEqual([
      [1, 5],
      [2, 5],
      [3, 1],
    ])
    await sink.write([removal(1), record(2, 7)], never, from(7))
    expect(await heldIn(table)).toEqual([
      [2, 7],
      [3, 1],
    ])
  })

  it('may be of the value, and take over rows that have none', async () => {
    const table = newTable()
    await run(`create table ${table} (id bigint primary key, revision integer, version bigint)`)
    await run(`insert into ${table} values (1, 0, null)`)
    const sink = await opened(table, { version: { ...version, of: value => Number(value?.revision) } })
    await sink.write([record(1, 3), record(1, 2), record(2, 9)], never)
    await sink.write([record(1, 1), record(2, 10)], never)
    expect(await heldIn(table)).toEqual([
      [1, 3],
      [2, 10],
    ])
  })

  it('are missed at once where offsets tell nothing', async () => {
    const sink = await opened(newTable(), { version })
    await sink.write([record(1, 1)], never, from(0))
    for (const places of [undefined, from(0, 'other'), from(-1), { ...from(0), nth: () => 1000 }])
      await expect(sink.write([record(1, 1)], never, places)).rejects.toMatchObject({
        kind: 'permanent',
        message: expect.stringContaining('version.of'),
      })
  })
})
