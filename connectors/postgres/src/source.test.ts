import { bytes, type SourceReader, type SourceRecord } from '@riacho/streams'
import { type SourceFixture, sourceSuite } from '@riacho/testing/suites'
import fc from 'fast-check'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type PostgresServer, startPostgres } from '../../../test/servers/postgres.ts'
import { type OutboxOptions, outbox } from './index.ts'

const never = new AbortController().signal
let server: PostgresServer
let outside: Client
let tables = 0
const readers: SourceReader[] = []

beforeAll(async () => {
  server = await startPostgres()
  outside = await connected()
}, 180_000)
afterEach(async () => {
  for (const reader of readers.splice(0)) await reader.close()
})
afterAll(async () => {
  await outside?.end()
  await server?.stop()
})

const connected = async (): Promise<Client> => {
  const client = new Client(server.url)
  client.on('error', () => {})
  await client.connect()
  return client
}
const run = async (text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> => (await outside.query(text, values)).rows
/** The table of the README, with bytes as its values. */
const newTable = async (value = 'bytea'): Promise<string> => {
  const table = `outbox_${++tables}`
  await run(`create table ${table} (id bigint generated always as identity primary key, key text, value ${value} not null,
    headers jsonb, created_at timestamptz not null default now(), sent_at timestamptz)`)
  return table
}
const optionsFor = (table: string): OutboxOptions<Uint8Array> => ({ url: server.url, table, value: bytes, poll: 10 })
const insert = (table: string): string => `insert into ${table} (value) select unnest($1::bytea[])`
const append = async (table: string, values: readonly Uint8Array[]): Promise<void> => {
  await run(insert(table), [values.map(value => Buffer.from(value))])
}
const left = async (table: string): Promise<number> => Number((await run(`select count(*) from ${table}`))[0]!.count)
const textOf = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString()
const texts = (records: readonly SourceRecord[]): string[] => records.map(({ value }) => textOf(value))
const lines = (from: number, to: number): Buffer[] => Array.from({ length: to - from }, (_, i) => Buffer.from(`value ${from + i}`))
const opened = (table: string, options: Partial<OutboxOptions<Uint8Array>> = {}): SourceReader => {
  const reader = outbox({ ...optionsFor(table), ...options }).open('any', null)
  readers.push(reader)
  return reader
}
const read = async (reader: SourceReader, count: number): Promise<SourceRecord[]> => {
  const records: SourceRecord[] = []
  while (records.length < count) records.push(...(await reader.read(count - records.length, never)))
  return records
}
/** What a reader gives within a moment: nothing, when others hold all. */
const glimpse = (reader: SourceReader): Promise<readonly SourceRecord[]> => reader.read(1000, AbortSignal.timeout(150))

for (const acknowledge of ['delete', { mark: 'sent_at' }] as const) {
  const make = async (): Promise<SourceFixture> => {
    const table = await newTable()
    return {
      source: outbox({ ...optionsFor(table), acknowledge }),
      append: values => append(table, values),
      close: async () => {},
    }
  }
  const skip = [{ test: 'goes on after any position', reason: 'an outbox forgets what a commit covered, and nothing else' }]
  sourceSuite({ name: `outbox, ${acknowledge === 'delete' ? 'deleted' : 'marked'}`, make, skip }, { describe, it, expect })
}

describe('outbox', () => {
  it('loses no row whose transaction commits after that of a later id', async () => {
    const table = await newTable()
    const slow = await connected()
    await slow.query('begin')
    await slow.query(insert(table), [[Buffer.from('first id, last commit')]])
    await append(table, [Buffer.from('last id, first commit')])
    const reader = opened(table)
    const [early] = await read(reader, 1)
    expect(texts([early!])).toEqual(['last id, first commit'])
    await reader.commit(early!.position)
    expect(await glimpse(reader)).toEqual([])
    await slow.query('commit')
    const [late] = await read(reader, 1)
    expect(texts([late!])).toEqual(['first id, last commit'])
    expect(late!.offset).toBeLessThan(early!.offset)
    await reader.commit(late!.position)
    expect(await left(table)).toBe(0)
    await slow.end()
  })

  it('reads on past headers that are no object, and acknowledges nothing that it did not give', async () => {
    const table = await newTable()
    await run(`insert into ${table} (key, value, headers) values ('a', '1', '{"n":1}'), ('b', '2', 'null'), ('c', '3', '5')`)
    const reader = opened(table, { columns: { headers: 'headers' } })
    const records = await read(reader, 3)
    expect(records.map(({ headers }) => headers.length)).toEqual([1, 0, 0])
    await reader.close()
    const text = await newTable()
    await run(`alter table ${text} alter column headers type text`)
    await run(`insert into ${text} (key, value, headers) values ('a', '1', '{}'), ('b', '2', '{broken'), ('c', '3', '{}')`)
    const broken = opened(text, { columns: { headers: 'headers' } })
    await expect(broken.read(10, never)).rejects.toThrow()
    // What is mended is read whole, by the same reader.
    await run(`update ${text} set headers = '{}'`)
    expect(await read(broken, 3)).toHaveLength(3)
    await broken.close()
    expect(await run(`select count(*)::int from ${text}`)).toEqual([{ count: 3 }])
  })

  it('gives key, headers and time, and a value of any type as its text', async () => {
    const table = await newTable('jsonb')
    const time = new Date('2026-01-02T03:04:05.678Z')
    await run(`insert into ${table} (key, value, headers, created_at) values ('k', '{"a":"ç"}', '{"n":1,"t":"x","z":null}', $1)`, [time])
    await run(`insert into ${table} (value) values ('null')`)
    const reader = opened(table, { columns: { headers: 'headers' }, acknowledge: { mark: 'sent_at' } })
    const [first, second] = await read(reader, 2)
    expect([textOf(first!.key), textOf(first!.value), first!.timestamp, first!.offset]).toEqual(['k', '{"a": "ç"}', time.getTime(), 1])
    expect(first!.headers.map(([name, value]) => [name, value && textOf(value)])).toEqual([
      ['n', '1'],
      ['t', 'x'],
      ['z', null],
    ])
    expect([second!.key, textOf(second!.value), second!.headers]).toEqual([null, 'null', []])
    await reader.commit(first!.position)
    await reader.close()
    expect(await run(`select id, sent_at is null as left from ${table} order by id`)).toEqual([
      { id: '1', left: false },
      { id: '2', left: true },
    ])
  })

  it('is shared: while one reader has rows, others pass over them', async () => {
    const table = await newTable()
    await append(table, lines(0, 40))
    const [one, two] = [opened(table), opened(table)]
    const first = await read(one, 15)
    const second = await read(two, 25)
    expect(texts([...first, ...second])).toEqual(lines(0, 40).map(String))
    expect(await glimpse(one)).toEqual([])
    // A commit in the middle of what one has frees nothing of it.
    await one.commit(first[4]!.position)
    await two.commit(second[24]!.position)
    expect([await glimpse(two), await left(table)]).toEqual([[], 15])
    await one.commit(first[14]!.position)
    expect(await left(table)).toBe(0)
  })

  it('gives every row of random writers once, to readers that commit where they like', async () => {
    const sizes = fc.array(fc.record({ rows: fc.integer({ min: 1, max: 20 }), wait: fc.nat(20), aborts: fc.boolean() }), {
      minLength: 20,
      maxLength: 40,
    })
    await fc.assert(
      fc.asyncProperty(sizes, fc.infiniteStream(fc.integer({ min: 1, max: 9 })), async (transactions, cuts) => {
        const table = await newTable()
        const expected: string[] = []
        const given: string[] = []
        const writers = Array.from({ length: 4 }, async (_, lane) => {
          const client = await connected()
          for (const [at, { rows, wait, aborts }] of transactions.entries()) {
            if (at % 4 !== lane) continue
            const values = Array.from({ length: rows }, (_, row) => `${at}/${row}`)
            await client.query('begin')
            await client.query(insert(table), [values.map(value => Buffer.from(value))])
            await new Promise(resolve => setTimeout(resolve, wait))
            await client.query(aborts ? 'rollback' : 'commit')
            if (!aborts) expected.push(...values)
          }
          await client.end()
        })
        const written = Promise.all(writers)
        let over = false
        const shared = Array.from({ length: 3 }, async () => {
          const reader = opened(table)
          let covered: SourceRecord | undefined
          const pending: SourceRecord[] = []
          while (!over || pending.length > 0) {
            const records = over ? [] : await reader.read(cuts.next().value!, AbortSignal.timeout(50))
            given.push(...texts(records))
            pending.push(...records)
            covered = pending.splice(0, over ? pending.length : cuts.next().value!).at(-1)
            if (covered !== undefined) await reader.commit(covered.position)
          }
        })
        await written
        await written
        await expect.poll(() => given.length, { timeout: 20_000 }).toBe(expected.length)
        over = true
        await Promise.all(shared)
        expect(given.sort()).toEqual(expected.sort())
        expect(await left(table)).toBe(0)
      }),
      { numRuns: 5 },
    )
  }, 120_000)

  it('gives to others, and not again to itself, what it had when its connection was lost', async () => {
    const table = await newTable()
    await append(table, lines(0, 20))
    const [one, two] = [opened(table), opened(table)]
    const first = await read(one, 10)
    await one.commit(first[3]!.position)
    await run(`select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction' and query like $1`, [
      `%"${table}"%`,
    ])
    expect(texts(await read(one, 10))).toEqual(lines(10, 20).map(String))
    // All ten: the transaction that the commit cut could not end with some of its rows.
    const again = await read(two, 10)
    expect(texts(again)).toEqual(lines(0, 10).map(String))
    // Both have them now. What the first says of them waits for nobody, and changes nothing.
    await one.commit(first[9]!.position)
    expect(await left(table)).toBe(20)
    await two.commit(again[9]!.position)
    expect(await left(table)).toBe(10)
  })

  it('goes on when the server was killed, acknowledges what was covered meanwhile, and gives the rest again', async () => {
    const table = await newTable()
    await append(table, lines(0, 10))
    const reader = opened(table)
    const records = await read(reader, 5)
    await server.kill()
    try {
      await reader.commit(records[4]!.position)
      await expect(reader.read(10, never)).rejects.toThrow()
      await expect(outbox(optionsFor(table)).partitions()).rejects.toMatchObject({ code: 'RIACHO_POSTGRES_OUTBOX' })
    } finally {
      await server.restart()
      outside = await connected()
    }
    expect(texts(await read(reader, 5))).toEqual(lines(5, 10).map(String))
    expect(await left(table)).toBe(5)
    await reader.close()
    expect(texts(await read(opened(table), 5))).toEqual(lines(5, 10).map(String))
  })

  it('has at most holdsMax transactions open, 2, and gives no more than pendingMax rows until a commit', async () => {
    const table = await newTable()
    await append(table, lines(0, 100))
    const reader = opened(table, { pendingMax: 30 })
    const open = async (): Promise<number> =>
      (await run("select from pg_stat_activity where state = 'idle in transaction' and query like $1", [`%"${table}"%`])).length
    const records = await read(reader, 10)
    expect(await open()).toBe(1)
    await reader.commit(records[4]!.position)
    records.push(...(await read(reader, 10)))
    expect(await open()).toBe(2)
    await reader.commit(records[6]!.position)
    await reader.commit(records[14]!.position)
    records.push(...(await read(reader, 10)))
    expect(await open()).toBe(2)
    records.push(...(await read(reader, 10)))
    expect(await glimpse(reader)).toEqual([])
    await reader.commit(records[39]!.position)
    expect([await open(), await left(table)]).toEqual([0, 60])
    expect(texts(await read(reader, 30))).toEqual(lines(40, 70).map(String))
  })

  it('counts what is left up to lagMax, 10,000 rows', async () => {
    const table = await newTable()
    await run(`insert into ${table} (value) select '' from generate_series(1, 10010)`)
    const reader = opened(table)
    expect(await reader.lag()).toBe(10_000)
    await read(reader, 11)
    expect(await reader.lag()).toBe(9_999)
  })

  it('may have ids of any type that has an order', async () => {
    const table = `outbox_${++tables}`
    await run(`create table ${table} (uid uuid primary key, value text)`)
    const uids = Array.from({ length: 20 }, (_, i) => `00000000-0000-7000-8000-0000000000${10 + i}`)
    await run(`insert into ${table} select uid, uid from unnest($1::uuid[]) as uid`, [uids])
    const reader = opened(table, { columns: { id: 'uid', key: null, timestamp: null } })
    const records = await read(reader, 20)
    expect(texts(records)).toEqual(uids)
    expect(records.map(({ offset }) => offset)).toEqual(uids.map((_, i) => i + 1))
    await reader.commit(records[19]!.position)
    expect(await left(table)).toBe(0)
  })

  it('is read by several partitions, and refused when it is not as the options say', async () => {
    const table = await newTable()
    expect(await outbox({ ...optionsFor(table), partitions: 2 }).partitions()).toEqual([table, `${table}-1`])
    for (const [options, message] of [
      [{ table: 'missing' }, 'does not exist'],
      [{ table, columns: { value: 'payload' } }, 'has no column payload'],
      [{ table, acknowledge: { mark: 'done_at' } }, 'has no column done_at'],
      [{ table, user: 'stranger' }, 'cannot be read'],
    ] as const) {
      await expect(outbox({ ...optionsFor(table), ...options }).partitions()).rejects.toMatchObject({
        code: 'RIACHO_POSTGRES_OUTBOX',
        message: expect.stringContaining(message),
      })
    }
  })
})
