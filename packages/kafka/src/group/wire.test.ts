import { expect, it } from 'vitest'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './wire.ts'

const owned = [
  { topic: 'água', partition: 0 },
  { topic: 'água', partition: 7 },
  { topic: 'b', partition: 1 },
]

it.each([undefined, new Uint8Array(0), Uint8Array.of(1, 2, 255)])('comes back as it was told, with data %j', data => {
  const told = { topics: ['b', 'água'], data, owned, generation: 12 }
  expect(decodeSubscription(encodeSubscription(told))).toEqual(told)
  expect(decodeAssignment(encodeAssignment({ partitions: owned, data }))).toEqual({ partitions: owned, data })
})

it('reads what older members tell, and passes over what newer ones add', () => {
  const told = encodeSubscription({ topics: ['b'], owned: [{ topic: 'b', partition: 1 }], generation: 3 })
  const as = (version: number, bytes: Buffer) => decodeSubscription(Buffer.concat([Buffer.from([0, version]), bytes.subarray(2)]))
  expect(as(0, told)).toMatchObject({ topics: ['b'], owned: [], generation: -1 })
  expect(as(1, told)).toMatchObject({ owned: [{ topic: 'b', partition: 1 }], generation: -1 })
  const rack = Buffer.from([0, 1, 0x72])
  expect(as(3, Buffer.concat([told, rack]))).toMatchObject({ owned: [{ topic: 'b', partition: 1 }], generation: 3 })
})

it('reads an assignment without bytes as none', () => {
  expect(decodeAssignment(Buffer.alloc(0))).toEqual({ partitions: [] })
})
