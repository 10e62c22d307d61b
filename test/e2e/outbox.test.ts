import { embedded } from '@riacho/embedded'
import { outbox, postgres } from '@riacho/postgres'
import { app } from '@riacho/runtime'
import { json, persist, source, topology } from '@riacho/streams'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'

interface Told {
  readonly account: number
  readonly total: number
}

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
}, 180_000)
afterAll(() => server?.stop())

const connected = async (): Promise<Client> => {
  const client = new Client(server.url)
  client.on('error', () => {})
  await client.connect()
  return client
}

const accounts = 20

/** Adds one to accounts, and tells of it in the same transaction; each third transaction commits late, behind later ids. */
async function work(client: Client, lane: number, transactions: number): Promise<void> {
  for (let i = 0; i < transactions; i++) {
    const id = (i * 4 + lane) % accounts
    await client.query('begin')
    const { rows } = await client.query('update account set total = total + 1 where id = $1 returning total', [id])
    await client.query('insert into outbox (key, value) values ($1, $2)', [String(id), { account: id, total: rows[0].total }])
    if (i % 3 === 0) await new Promise(resolve => setTimeout(resolve, 15))
    await client.query('commit')
  }
}

it('what transactions tell by an outbox arrives whole, in order, whatever is killed or replaced', async () => {
  const outside = await connected()
  await outside.query(`create table account (id integer primary key, total integer not null);
    create table outbox (id bigint generated always as identity primary key, key text, value jsonb not null, created_at timestamptz not null default now())`)
  await outside.query('insert into account select id, 0 from generate_series(0, $1::int - 1) as id', [accounts])
  const copies = topology(
    'copies',
    source(outbox({ url: server.url, table: 'outbox', value: json<Told>(), poll: 10 })).pipe(
      persist(
        postgres({
          url: server.url,
          table: 'copy',
          create: true,
          columns: { account: 'integer', total: 'integer' },
          key: ['account'],
          row: told => told,
        }),
        { retry: { retriesMax: 5 } },
      ),
    ),
  )
  const broker = await embedded()
  const start = async () => {
    const running = app(copies, { broker, commitIntervalMs: 50 })
    await running.start()
    return running
  }
  const write = async (): Promise<void> => {
    const clients = await Promise.all([0, 1, 2, 3].map(connected))
    await Promise.all(clients.map((client, lane) => work(client, lane, 60)))
    for (const client of clients) await client.end()
  }
  const first = await start()
  await write()
  await server.kill()
  await server.restart()
  const second = await start()
  await Promise.all([write(), first.stop()])
  const again = await connected()
  await expect.poll(async () => (await again.query('select from outbox')).rowCount, { timeout: 30_000 }).toBe(0)
  await second.stop()
  const { rows } = await again.query('select copy.account, copy.total from copy except select id, total from account')
  const { rowCount } = await again.query('select from copy')
  expect([rows, rowCount]).toEqual([[], accounts])
  await again.end()
})
