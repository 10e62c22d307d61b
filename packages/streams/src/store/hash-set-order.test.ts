import { expect, it } from 'vitest'
import { HashSetOrder } from './hash-set-order.ts'

const latin1 = (hex: string): string => Buffer.from(hex, 'hex').toString('latin1')
const ordered = (order: HashSetOrder, keys: readonly string[]): string[] => Array.from(order.of(keys), at => keys[at]!)

it('is the order in which Kafka Streams was recorded to write', () => {
  const keys = ['610000000000000000', '61000000000000000a', '610000000000000014', '62000000000000000a', '620000000000000000'].map(latin1)
  const order = new HashSetOrder()
  expect(ordered(order, keys.slice(0, 3))).toEqual([keys[2], keys[0], keys[1]])
  expect(ordered(order, [keys[4]!, keys[3]!])).toEqual([keys[3], keys[4]])
})

it('is by bucket: of 16 up to 12 keys, then of 32, and never of fewer again', () => {
  // One byte hashes to 31 more than itself.
  const byte = (hash: number): string => String.fromCharCode((hash - 31) & 0xff)
  const both = [byte(32), byte(17)]
  const order = new HashSetOrder()
  expect(ordered(order, both)).toEqual([byte(32), byte(17)])
  expect(order.of(Array.from({ length: 13 }, (_, i) => byte(40 + i)))).toHaveLength(13)
  expect(ordered(order, both)).toEqual([byte(32), byte(17)])
  expect(ordered(order, [byte(48), byte(32)])).toEqual([byte(32), byte(48)])
  expect(ordered(new HashSetOrder(), [byte(48), byte(32)])).toEqual([byte(48), byte(32)])
})

it('takes bytes above 127 as negative, as Java does', () => {
  // 31 - 128 is negative: its upper half, all ones, turns the lower one round, and 15 becomes bucket 0.
  expect(ordered(new HashSetOrder(), ['\u0002', '\u0080'])).toEqual(['\u0080', '\u0002'])
})
