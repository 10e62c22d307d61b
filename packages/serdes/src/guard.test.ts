import avsc from 'avsc'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type AvroLimits, defaultLimits, emptyItemsMax, guardOf, nodesMax } from './guard.ts'
import { type AvroSchema, compile } from './schema.ts'

const guard = (schema: AvroSchema, limits: Partial<AvroLimits> = {}) => {
  const look = guardOf(compile(schema), { ...defaultLimits, ...limits })
  return (bytes: readonly number[] | Buffer) => {
    const body = Buffer.from(bytes)
    // As in a frame: what lies around it is not its own.
    look(Buffer.concat([Buffer.alloc(3, 0xdb), body, Buffer.alloc(20, 2)]), 3, 3 + body.length)
  }
}

const record = (name: string, ...fields: readonly (readonly [string, unknown])[]): AvroSchema =>
  ({ type: 'record', name, fields: fields.map(([field, type]) => ({ name: field, type })) }) as AvroSchema
const arrayOf = (items: unknown): AvroSchema => ({ type: 'array', items }) as AvroSchema
const long = avsc.Type.forSchema('long')
const string = avsc.Type.forSchema('string')

it('lets through exactly what avsc writes', () => {
  const types = ['int', 'long', 'boolean', 'float', 'double', 'bytes', 'string', 'null'].map((type, i) => [`f${i}`, type] as const)
  const schema = record(
    'All',
    ...types,
    ['list', arrayOf(record('Part', ['name', 'string'], ['n', ['null', 'long']]))],
    ['map', { type: 'map', values: arrayOf('double') }],
    ['fixed', { type: 'fixed', name: 'Four', size: 4 }],
    ['kind', { type: 'enum', name: 'Kind', symbols: ['A', 'B'] }],
    ['either', ['null', 'string', 'Part']],
  )
  const type = compile(schema)
  const check = guard(schema)
  for (let i = 0; i < 500; i++) {
    const bytes = type.toBuffer(type.random())
    check(bytes)
    expect(() => check(bytes.subarray(0, -1))).toThrow('RIACHO_AVRO_BYTES')
    expect(() => check(Buffer.concat([bytes, Buffer.of(0)]))).toThrow('RIACHO_AVRO_BYTES')
  }
})

it('refuses a thousand million items of six bytes without looking at one', () => {
  const bomb = Buffer.concat([long.toBuffer(1_000_000_000), Buffer.of(0)])
  expect(bomb.length).toBe(6)
  for (const items of ['string', 'null', 'double', record('Empty'), record('Pair', ['a', 'int'], ['b', 'int'])])
    expect(() => guard(arrayOf(items))(bomb)).toThrow('1000000000 items are declared')
  expect(() => guard({ type: 'map', values: 'null' })(bomb)).toThrow('1000000000 items are declared')
  const [declared, size] = [long.toBuffer(-1_000_000_000), long.toBuffer(0)]
  expect(() => guard(arrayOf('null'))(Buffer.concat([declared, size]))).toThrow('1000000000 items are declared')
})

it.each([
  ['a text longer than the message', 'string', [0x0a, 0x61]],
  ['a text of negative length', 'string', [0x01]],
  ['bytes of negative length', 'bytes', [0x03]],
  ['a length of more than 64 bits', 'bytes', [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]],
  ['a text that is no UTF-8', 'string', [0x02, 0xff]],
  ['a long text that is no UTF-8', 'string', [...long.toBuffer(100), ...Buffer.alloc(99, 97), 0xc3]],
  ['an int of more than 32 bits', 'int', [255, 255, 255, 255, 0x10]],
  ['a long of more than 64 bits', 'long', [255, 255, 255, 255, 255, 255, 255, 255, 255, 2]],
  ['a branch that is not there', ['null', 'string'], [0x04]],
  ['a negative branch', ['null', 'string'], [0x01]],
  ['a block that is shorter than its items', arrayOf('string'), [0x01, 0x02, 0x02, 0x61, 0x00]],
  ['a block that ends behind the message', arrayOf('string'), [0x01, 0x7e, 0x02, 0x61, 0x00]],
  ['a block that goes back', arrayOf('string'), [0x01, 0x03, 0x02, 0x61, 0x00]],
  ['nothing at all', 'long', []],
] as const)('refuses %s', (_what, schema, bytes) => {
  expect(() => guard(schema as AvroSchema)(bytes)).toThrow('RIACHO_AVRO_BYTES')
})

it('refuses a map whose key would become a prototype', () => {
  const map = (key: string) => Buffer.concat([Buffer.of(2), string.toBuffer(key), Buffer.of(2, 97, 0)])
  guard({ type: 'map', values: 'string' })(map('__proto_'))
  expect(() => guard({ type: 'map', values: 'string' })(map('__proto__'))).toThrow("the key '__proto__'")
})

it('bounds how deep a record holds itself, and how much a message may hold', () => {
  const list = record('Node', ['next', ['null', 'Node']])
  const nested = (depth: number) => Buffer.alloc(depth + 1, Buffer.concat([Buffer.alloc(depth, 2), Buffer.of(0)]))
  guard(list)(nested(64))
  expect(() => guard(list)(nested(65))).toThrow('more than 64 times')
  expect(() => guard(list, { depthMax: 2 })(nested(3))).toThrow('more than 2 times')
  expect(() => guard(list)(nested(100_000))).toThrow('more than 64 times')
  // It holds itself without an end.
  expect(() => guard(record('Endless', ['own', 'Endless']))([])).toThrow('RIACHO_AVRO_BYTES')
  const zeros = (count: number) => [...long.toBuffer(count), ...Buffer.alloc(count), 0]
  guard(arrayOf('int'), { valuesMax: 100 })(zeros(100))
  expect(() => guard(arrayOf('int'), { valuesMax: 100 })(zeros(101))).toThrow('valuesMax 100')
  expect(() => guard('bytes', { bytesMax: 10 })([22, ...Buffer.alloc(11)])).toThrow('bytesMax (10)')
})

it('bounds how many items that take no byte a message may declare', () => {
  const nulls = (count: number) => [...long.toBuffer(count), 0]
  guard(arrayOf('null'))(nulls(emptyItemsMax))
  expect(() => guard(arrayOf('null'))(nulls(emptyItemsMax + 1))).toThrow('items are declared')
})

it('refuses a schema of which one value is endless though it takes no byte', () => {
  let schema = record('R0', ['a', 'null'], ['b', 'null'])
  for (let i = 1; i < 19; i++) schema = record(`R${i}`, ['a', schema], ['b', `R${i - 1}`])
  expect(() => guard(schema)).toThrow(`more than ${nodesMax} values`)
})

it('says the same of a value, whatever bytes follow it in the frame', () => {
  const type = compile(arrayOf('string'))
  const look = guardOf(type, defaultLimits)
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 40 })), fc.uint8Array({ maxLength: 30 }), (texts, after) => {
      const bytes = type.toBuffer(texts)
      look(Buffer.concat([bytes, after]), 0, bytes.length)
    }),
  )
})
