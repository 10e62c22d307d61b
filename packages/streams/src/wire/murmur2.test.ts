import { expect, it } from 'vitest'
import { murmur2, partitionOf } from './murmur2.ts'
import { hex, vectors } from './vectors.fixture.ts'

interface Hashed {
  readonly hex: string
  readonly murmur2: number
  readonly partitions: readonly number[]
}

it.each(vectors<Hashed>('murmur2'))('hashes $hex as Kafka does', vector => {
  const key = hex(vector.hex)
  expect(murmur2(key)).toBe(vector.murmur2)
  expect(vector.partitions.map((_, i) => partitionOf(key, i + 1))).toEqual(vector.partitions)
})

it('hashes a view by what it shows', () => {
  expect(murmur2(hex('00666f6f62617200').subarray(1, 7))).toBe(-790332482)
})
