import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { avroBinary } from './avro-binary.ts'
import { precisionMax } from './logical-types.ts'
import { type AvroSchema, compile } from './schema.ts'

const decimal = (precision: number, scale: number, rest: object = { type: 'bytes' }) =>
  avroBinary<string>({ logicalType: 'decimal', precision, scale, ...rest } as unknown as AvroSchema)
const decimalOf = (precision: number) => ({ type: 'bytes', logicalType: 'decimal', precision }) as unknown as AvroSchema
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('decimal', () => {
  it('is text with all digits of its scale, in the bytes that Java writes', () => {
    const money = decimal(9, 2)
    // BigDecimal("12.30").unscaledValue().toByteArray() is 04ce; of -0.01 ff; of 1.28 0080.
    for (const [text, bytes] of [
      ['12.30', '0404ce'],
      ['-0.01', '02ff'],
      ['1.28', '040080'],
      ['0.00', '0200'],
    ] as const) {
      expect(hex(money.encode(text))).toBe(bytes)
      expect(money.decode(Buffer.from(bytes, 'hex'))).toBe(text)
    }
    expect(money.decode(money.encode('7'))).toBe('7.00')
    expect(decimal(4, 0).decode(decimal(4, 0).encode('-17'))).toBe('-17')
    expect(hex(decimal(4, 1, { type: 'fixed', name: 'Two', size: 2 }).encode('-0.1'))).toBe('ffff')
  })

  it('keeps every number', () => {
    const big = decimal(38, 18)
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }), unscaled => {
        const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(19, '0')
        const text = `${unscaled < 0n ? '-' : ''}${digits.slice(0, -18)}.${digits.slice(-18)}`
        expect(big.decode(big.encode(text))).toBe(text)
      }),
    )
  })

  it.each(['1.234', '12345678.00', 'x', '', '1e3', '1.', '.5', ' 1'])('refuses to round or guess %j', text => {
    expect(() => decimal(9, 2).encode(text)).toThrow('RIACHO_AVRO_VALUE')
  })

  it('with more digits than precisionMax is what lies below it, as the specification has it of one that is wrong', () => {
    const [most, more] = [precisionMax, precisionMax + 1].map(precision => compile(decimalOf(precision)).typeName)
    expect([most, more]).toEqual(['logical:decimal', 'bytes'])
  })

  it('refuses a number, and bytes of more digits than it has', () => {
    expect(() => decimal(9, 2).encode(5 as never)).toThrow('RIACHO_AVRO_VALUE')
    const bytes = compile('bytes').toBuffer(Buffer.alloc(100_000, 0x7f))
    expect(() => decimal(9, 2).decode(bytes)).toThrow('more than 9 digits')
    expect(() => decimal(2, 0).decode(Buffer.from('0264', 'hex'))).toThrow('more than 2 digits')
  })
})

it('a date is text without a time zone', () => {
  const date = avroBinary<string>({ type: 'int', logicalType: 'date' } as AvroSchema)
  for (const [text, days] of [
    ['1970-01-01', 0],
    ['1969-12-31', -1],
    ['2026-11-21', 20_778],
    ['2024-02-29', 19_782],
  ] as const) {
    expect(compile('int').fromBuffer(Buffer.from(date.encode(text)))).toBe(days)
    expect(date.decode(date.encode(text))).toBe(text)
  }
  for (const text of ['2026-02-30', '2026-1-1', '2026-01-01T00:00:00Z', '']) expect(() => date.encode(text)).toThrow('RIACHO_AVRO_VALUE')
  expect(() => date.decode(compile('int').toBuffer(2 ** 31 - 1))).toThrow('RIACHO_AVRO_BYTES')
})

it('a uuid is text, also of 16 bytes', () => {
  const text = '00112233-4455-6677-8899-aabbccddeeff'
  const string = avroBinary<string>({ type: 'string', logicalType: 'uuid' } as AvroSchema)
  const fixed = avroBinary<string>({ type: 'fixed', name: 'Id', size: 16, logicalType: 'uuid' } as AvroSchema)
  expect(string.decode(string.encode(text))).toBe(text)
  expect(hex(fixed.encode(text))).toBe(text.replaceAll('-', ''))
  expect(fixed.decode(fixed.encode(text))).toBe(text)
  expect(() => fixed.encode('nobody')).toThrow('RIACHO_AVRO_VALUE')
})

it('times are the numbers that they are', () => {
  for (const logicalType of ['timestamp-millis', 'timestamp-micros', 'time-micros', 'local-timestamp-millis']) {
    const serde = avroBinary<number>({ type: 'long', logicalType } as AvroSchema)
    expect(serde.decode(serde.encode(1_800_000_000_123))).toBe(1_800_000_000_123)
  }
})

it('a reader takes a writer without the logical type, or with fewer digits, and no other scale', () => {
  const bytes = (precision: number, scale: number) => compile({ type: 'bytes', logicalType: 'decimal', precision, scale } as AvroSchema)
  const reader = bytes(9, 2)
  const read = (writer: ReturnType<typeof compile>, raw: unknown) =>
    reader.fromBuffer(writer.toBuffer(raw), reader.createResolver(writer)) as unknown
  expect(read(compile('bytes'), Buffer.of(100))).toBe('1.00')
  expect(read(bytes(5, 2), '1.00')).toBe('1.00')
  expect(() => reader.createResolver(bytes(9, 3))).toThrow()
  expect(() => reader.createResolver(bytes(10, 2))).toThrow()
})
