import fc from 'fast-check'
import { expect, it } from 'vitest'
import { json } from './json.ts'

const serde = json<unknown>()

it('keeps every document', () => {
  fc.assert(
    fc.property(fc.jsonValue(), value => {
      const bytes = Buffer.from(serde.encode(value))
      const plain = JSON.parse(JSON.stringify(value)) as unknown
      expect(serde.decode(bytes)).toEqual(plain)
      expect(serde.text!(value)).toBe(bytes.toString())
      expect(serde.decodeAt!(Buffer.concat([Buffer.from('{'), bytes, Buffer.from('}')]), 1, 1 + bytes.length)).toEqual(plain)
    }),
  )
})

it.each([undefined, () => 1, Symbol('s')])('refuses %s', value => {
  expect(() => serde.encode(value)).toThrow('has no JSON')
})

it('refuses what JSON refuses', () => {
  expect(() => serde.encode(1n)).toThrow(TypeError)
  expect(() => serde.decode(Buffer.from('{"a":'))).toThrow(SyntaxError)
  expect(() => serde.decode(Buffer.alloc(0))).toThrow(SyntaxError)
})

it('makes no prototype of a key', () => {
  const value = serde.decode(Buffer.from('{"__proto__":{"admin":true}}')) as { admin?: boolean }
  expect(value.admin).toBeUndefined()
  expect(Object.hasOwn(value, '__proto__')).toBe(true)
})

it('refuses bytes that are no UTF-8, and takes the character that would stand for them', () => {
  const bytes = Buffer.from('{"name":"?\ufffd"}')
  expect(serde.decode(bytes)).toEqual({ name: '?\ufffd' })
  bytes[bytes.indexOf(63)] = 0xff
  expect(() => serde.decode(bytes)).toThrow('no UTF-8')
  expect(() => serde.decodeAt!(Buffer.concat([Buffer.from('{'), bytes]), 1, 1 + bytes.length)).toThrow('no UTF-8')
})
