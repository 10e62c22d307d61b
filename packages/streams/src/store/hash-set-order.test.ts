import { expect, it } from 'vitest'
import { HashSetOrder } from './hash-set-order.ts'

const latin1 = (hex: string): string => Buffer.from(hex, 'hex').toString('latin1')
const hexOf = (key: string): string => Buffer.from(key, 'latin1').toString('hex')

it('is the order in which Kafka Streams was recorded to write', () => {
  const keys = ['610000000000000000', '61000000000000000a', '610000000000000014', '62000000000000000a', '620000000000000000']
  const order = new HashSetOrder()
  expect(order.of(keys.slice(0, 3).map(latin1)).map(hexOf)).toEqual([keys[2], keys[0], keys[1]])
  expect(order.of([latin1(keys[4]!), latin1(keys[3]!)]).map(hexOf)).toEqual([keys[3], keys[4]])
})

it('is by bucket: of 16 up to 12 keys, then of 32, and never of fewer again', () => {
  // One byte hashes to 31 more than itself.
  const byte = (hash: number): string => String.fromCharCode((hash - 31) & 0xff)
  const both = [byte(32), byte(17)]
  const order = new HashSetOrder()
  expect(order.of(both)).toEqual([byte(32), byte(17)])
  expect(order.of(Array.from({ length: 13 }, (_, i) => byte(40 + i)))).toHaveLength(13)
  expect(order.of(both)).toEqual([byte(32), byte(17)])
  expect(order.of([byte(48), byte(32)])).toEqual([byte(32), byte(48)])
  expect(new HashSetOrder().of([byte(48), byte(32)])).toEqual([byte(48), byte(32)])
})

it('takes bytes above 127 as negative, as Java does', () => {
  // 31 + (-1) = 30 is in bucket 14, 31 + 1 = 32 in bucket 0.
  expect(new HashSetOrder().of(['\u00ff', '\u0001'])).toEqual(['\u0001', '\u00ff'])
})
