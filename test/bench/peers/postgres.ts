import { postgres } from '@riacho/postgres'
import type { StreamRecord } from '@riacho/streams'
import { Pool } from 'pg'
import { startPostgres } from '../../servers/postgres.ts'
import { compare } from './compare.ts'

interface Row {
  readonly id: string
  readonly client: string
  readonly body: string
}

/** The sink against pg with the same statement written by hand, on one real PostgreSQL: `node test/bench/peers/postgres.ts [rows] [rounds] [connections of the sink]`. */
const rows = Number(process.argv[2] ?? 50_000)
const rounds = Number(process.argv[3] ?? 5)
const connectionsMax = Number(process.argv[4] ?? 8)
const batchRows = 500
const never = new AbortController().signal
const server = await startPostgres()
const concurrencies = [1, 8, 32]
const pool = new Pool({ connectionString: server.url, max: Math.max(...concurrencies) })
await pool.query('create table bare (id text primary key, client text, body text)')
const sink = postgres<string, Row, 'id' | 'client' | 'body'>({
  url: server.url,
  table: 'sink',
  create: true,
  columns: { id: 'text', client: 'text', body: 'text' },
  key: ['id'],
  row: row => row,
  connectionsMax,
})
await sink.open?.()
const values = Array.from({ length: rows }, (_, i): Row => ({ id: `event-${i}`, client: `Client_${i % 4}`, body: 'x'.repeat(100) }))
const batches: StreamRecord<string, Row>[][] = []
for (let i = 0; i < rows; i += batchRows) {
  batches.push(values.slice(i, i + batchRows).map(value => ({ key: value.id, value, timestamp: 0, headers: [] })))
}
const statement = `insert into bare (id, client, body) select * from unnest($1::text[], $2::text[], $3::text[])
on conflict (id) do update set client = excluded.client, body = excluded.body`

/** All batches, so many at once. Each round begins with an empty table: dead rows of the one before would slow the next. */
const each = (table: string, lanes: number, write: (batch: StreamRecord<string, Row>[]) => Promise<unknown>) => async (): Promise<void> => {
  await pool.query(`truncate ${table}`)
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < batches.length) await write(batches[next++]!)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}
const bare = (concurrency: number) =>
  each('bare', concurrency, batch =>
    pool.query(statement, [
      batch.map(({ value }) => value.id),
      batch.map(({ value }) => value.client),
      batch.map(({ value }) => value.body),
    ]),
  )
const ours = each('sink', connectionsMax, batch => sink.write(batch, never))
await compare({ name: 'postgres', rows, rounds, ours, bare, concurrencies })
await sink.close?.()
await pool.end()
await server.stop()
