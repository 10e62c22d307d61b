import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compositeKey } from './composite-key.ts'
import { int64 } from './numbers.ts'
import { text } from './text.ts'

const usage = compositeKey({ tenant: text, sku: text, n: int64 })
const key = { tenant: 'a', sku: 'bc', n: 5 }

it('writes the length and the bytes of each field in order of declaration', () => {
  expect(Buffer.from(usage.encode(key)).toString('hex')).toBe('00000001610000000262630000000800000000' + '00000005')
  expect(usage.encode({ n: 5, sku: 'bc', tenant: 'a' })).toEqual(usage.encode(key))
  expect(usage.encode({ ...key, other: 1 } as typeof key)).toEqual(usage.encode(key))
})

it('has equal bytes for equal keys only', () => {
  const keys = fc.record({ tenant: fc.string(), sku: fc.string(), n: fc.maxSafeInteger() })
  fc.assert(
    fc.property(keys, keys, (a, b) => {
      expect(usage.decode(usage.encode(a))).toEqual(a)
      const same = a.tenant === b.tenant && a.sku === b.sku && Object.is(a.n + 0, b.n + 0)
      expect(Buffer.compare(usage.encode(a), usage.encode(b)) === 0).toBe(same)
    }),
  )
})

it('refuses a missing field and torn bytes', () => {
  expect(() => usage.encode({ tenant: 'a', sku: 'b' } as typeof key)).toThrow("field 'n' is missing")
  expect(() => usage.encode({ ...key, sku: null as never })).toThrow("field 'sku' is missing")
  const bytes = Buffer.from(usage.encode(key))
  expect(() => usage.decode(bytes.subarray(0, -1))).toThrow("field 'n' is cut short")
  expect(() => usage.decode(Buffer.concat([bytes, Buffer.of(0)]))).toThrow('more bytes than fields')
  expect(() => usage.decode(Buffer.alloc(0))).toThrow("field 'tenant' is cut short")
})
