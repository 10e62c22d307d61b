import { json, text } from '@riacho/streams'
import { expect, it } from 'vitest'
import { type ConnectSchema, connectJson, decimalBytesMax, depthMax } from './connect-json.ts'
import { debezium } from './debezium.ts'

const bytes = (document: unknown) => Buffer.from(JSON.stringify(document))
const read = (schema: unknown, payload: unknown) => connectJson<unknown>().decode(bytes({ schema, payload }))
const data = 'org.apache.kafka.connect.data'

const row = {
  type: 'struct',
  optional: false,
  name: 'Row',
  fields: [
    { field: 'id', type: 'int32', optional: false },
    { field: 'price', type: 'bytes', optional: true, name: `${data}.Decimal`, parameters: { scale: '2' } },
    { field: 'day', type: 'int32', optional: true, name: `${data}.Date`, version: 1 },
    { field: 'at', type: 'int64', optional: true, name: `${data}.Timestamp`, version: 1 },
    { field: 'raw', type: 'bytes', optional: true },
    { field: 'tags', type: 'array', optional: true, items: { type: 'string' } },
    { field: 'counts', type: 'map', optional: true, keys: { type: 'string' }, values: { type: 'int32' } },
  ],
} as const satisfies ConnectSchema

it('reads what a schema says', () => {
  const payload = { id: 7, price: 'BM4=', day: 20_778, at: 1_800_000_000_000, raw: '3q0=', tags: ['a'], counts: { a: 1 } }
  const value = {
    id: 7,
    price: '12.30',
    day: '2026-11-21',
    at: 1_800_000_000_000,
    raw: Buffer.of(0xde, 0xad),
    tags: ['a'],
    counts: { a: 1 },
  }
  expect(read(row, payload)).toEqual(value)
  const serde = connectJson<unknown>({ schema: row })
  expect(JSON.parse(Buffer.from(serde.encode(value)).toString())).toEqual({ schema: row, payload })
  expect(serde.decode(serde.encode({ id: 1 }))).toEqual({ id: 1, price: null, day: null, at: null, raw: null, tags: null, counts: null })
})

it('reads a payload without a schema, and a null', () => {
  expect(read(null, { any: ['thing'] })).toEqual({ any: ['thing'] })
  expect(read({ type: 'string', optional: true }, null)).toBeNull()
  expect(read({ type: 'map', keys: { type: 'int32' }, values: { type: 'string' } }, [[1, 'a']])).toEqual([[1, 'a']])
})

it.each([
  ['no envelope', { id: 1 }],
  ['a struct without fields', { schema: { type: 'struct' }, payload: {} }],
  ['a struct that is a list', { schema: row, payload: [1] }],
  ['a list that is none', { schema: { type: 'array', items: { type: 'string' } }, payload: 'a' }],
  ['items without a schema', { schema: { type: 'array' }, payload: ['a'] }],
  ['a decimal without a scale', { schema: { type: 'bytes', name: `${data}.Decimal` }, payload: 'BM4=' }],
  [
    'a decimal that takes a minute',
    { schema: { type: 'bytes', name: `${data}.Decimal`, parameters: { scale: '2' } }, payload: 'AAAA'.repeat(100_000) },
  ],
  [
    'a scale that takes a minute',
    { schema: { type: 'bytes', name: `${data}.Decimal`, parameters: { scale: '-999999999' } }, payload: 'BM4=' },
  ],
  ['a date beyond all calendars', { schema: { type: 'int32', name: `${data}.Date` }, payload: 2 ** 31 }],
  ['a field that would be a prototype', { schema: { type: 'struct', fields: [{ field: '__proto__', type: 'string' }] }, payload: {} }],
])('refuses %s', (_what, document) => {
  expect(() => connectJson().decode(bytes(document))).toThrow('RIACHO_CONNECT_JSON')
})

it('bounds levels and digits', () => {
  const nested = (levels: number) => {
    let [schema, payload]: [unknown, unknown] = [{ type: 'string' }, 'a']
    for (let i = 1; i < levels; i++) [schema, payload] = [{ type: 'array', items: schema }, [payload]]
    return () => read(schema, payload)
  }
  nested(depthMax)()
  expect(nested(depthMax + 1)).toThrow('more than 64 levels')
  const decimal = (bytes: number) => () =>
    read({ type: 'bytes', name: `${data}.Decimal`, parameters: { scale: '2' } }, Buffer.alloc(bytes, 1).toString('base64'))
  decimal(decimalBytesMax)()
  expect(decimal(decimalBytesMax + 1)).toThrow('is not a decimal')
})

it('writes only what its schema takes', () => {
  expect(() => connectJson<unknown>().encode({})).toThrow('only reads')
  const serde = connectJson<unknown>({ schema: row })
  for (const value of [{}, { id: 1, price: '1.234' }, { id: 1, raw: 'text' }, { id: 1, day: 'today' }, 5])
    expect(() => serde.encode(value)).toThrow('RIACHO_CONNECT_JSON')
})

it('reads the changes of Debezium, with and without schemas', () => {
  const change = {
    op: 'u',
    before: { id: 1, price: 'BM4=' },
    after: { id: 1, price: 'BM8=' },
    source: { table: 'orders' },
    ts_ms: 5,
    transaction: null,
  }
  const envelope = {
    type: 'struct',
    fields: [
      { ...row, fields: row.fields.slice(0, 2), optional: true, field: 'before' },
      { ...row, fields: row.fields.slice(0, 2), optional: true, field: 'after' },
      { field: 'source', type: 'struct', fields: [{ field: 'table', type: 'string' }] },
      { field: 'op', type: 'string' },
      { field: 'ts_ms', type: 'int64', optional: true },
    ],
  }
  const serde = debezium<{ id: number; price: string }>()
  expect(serde.decode(bytes({ schema: envelope, payload: change }))).toEqual({
    op: 'u',
    before: { id: 1, price: '12.30' },
    after: { id: 1, price: '12.31' },
    source: { table: 'orders' },
    ts_ms: 5,
  })
  expect(serde.decode(bytes(change))).toEqual(change)
  expect(serde.decode(bytes({ op: 'd', before: { id: 1 } }))).toMatchObject({ op: 'd', after: null })
  for (const wrong of [{}, null, { op: 'x' }, { op: 'c', after: null }])
    expect(() => serde.decode(bytes(wrong))).toThrow('RIACHO_CONNECT_JSON')
  expect(() => serde.encode({} as never)).toThrow('written by Debezium')
})

it('what StringConverter writes is text, and what JsonConverter writes without schemas is json', () => {
  expect(text.decode(Buffer.from('{"uid":"1"}'))).toBe('{"uid":"1"}')
  expect(json<unknown>().decode(Buffer.from('{"uid":"1"}'))).toEqual({ uid: '1' })
})
