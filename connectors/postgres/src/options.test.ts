import { text } from '@riacho/streams'
import { describe, expect, it } from 'vitest'
import { type OutboxOptions, outbox, type PostgresOptions, postgres } from './index.ts'

interface Row {
  readonly id: number
}
type Options = PostgresOptions<string, Row, string>

describe('options of the sink', () => {
  it.each<[Partial<Record<keyof Options, unknown>>, string]>([
    [{ table: 'event; drop' }, 'table'],
    [{ schema: '"' }, 'schema'],
    [{ columns: { 'a"b': 'text' } }, 'column'],
    [{ columns: { id: 'bigint', revision: 'int); --' } }, 'type of column revision'],
    [{ key: [] }, 'key is empty'],
    [{ key: ['nope'] }, 'not among the columns'],
    [{ key: ['id', 'id'] }, 'twice'],
    [{ version: { column: 'id' } }, 'version.column'],
    [{ version: { column: 'v', epoch: 0.5 } }, 'version.epoch'],
    [{ connectionsMax: 0 }, 'connectionsMax'],
    [{ requestTimeout: 0 }, 'requestTimeout'],
    [{ port: 70_000 }, 'port'],
    [{ url: 'mysql://h/d' }, 'url'],
    [{ url: 'postgresql://h/d?sslmode=require' }, 'tls'],
  ])('refuses %o', (options, message) => {
    expect(() =>
      postgres({ table: 't', columns: { id: 'bigint' }, key: ['id'], row: (row: Row) => ({ id: row.id }), ...options } as Options),
    ).toThrow(message)
  })
})

describe('options of the outbox', () => {
  it.each<[Partial<OutboxOptions<string>>, string]>([
    [{ table: '' }, 'table'],
    [{ columns: { id: '"' } }, 'columns.id'],
    [{ acknowledge: { mark: 'a b' } }, 'acknowledge.mark'],
    [{ poll: 0 }, 'poll'],
    [{ pendingMax: 0 }, 'pendingMax'],
    [{ partitions: 1001 }, 'partitions'],
    [{ url: 'localhost' }, 'url'],
  ])('refuses %o', (options, message) => {
    expect(() => outbox({ table: 'outbox', value: text, ...options })).toThrow(message)
  })
})
