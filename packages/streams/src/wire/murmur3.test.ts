import fc from 'fast-check'
import { expect, it } from 'vitest'
import { murmur3 } from './murmur3.ts'
import { hex, vectors } from './vectors.fixture.ts'

interface Hashed {
  readonly hex: string
  readonly hash128: string
}

it.each(vectors<Hashed>('murmur3-128'))('hashes $hex as Kafka Streams does', vector => {
  expect(Buffer.from(murmur3(hex(vector.hex)), 'latin1').toString('hex')).toBe(vector.hash128)
})

it('hashes a view by what it shows', () => {
  expect(murmur3(hex('00666f6f62617200').subarray(1, 7))).toBe(murmur3(Buffer.from('foobar')))
})

/** The same hash in whole 64-bit words, as `Murmur3.java` writes it. */
function slowly(data: Uint8Array): string {
  const rotate = (x: bigint, bits: bigint): bigint => BigInt.asUintN(64, (x << bits) | (x >> (64n - bits)))
  const times = (x: bigint, y: bigint): bigint => BigInt.asUintN(64, x * y)
  const plus = (x: bigint, y: bigint): bigint => BigInt.asUintN(64, x + y)
  const finish = (h: bigint): bigint => {
    let mixed = times(h ^ (h >> 33n), 0xff51afd7ed558ccdn)
    mixed = times(mixed ^ (mixed >> 33n), 0xc4ceb9fe1a85ec53n)
    return mixed ^ (mixed >> 33n)
  }
  const c1 = 0x87c37b91114253d5n
  const c2 = 0x4cf5ad432745937fn
  const padded = Buffer.alloc(Math.ceil(data.length / 16) * 16)
  padded.set(data)
  let h1 = 104729n
  let h2 = 104729n
  for (let at = 0; at < padded.length; at += 16) {
    h1 ^= times(rotate(times(padded.readBigUInt64LE(at), c1), 31n), c2)
    const whole = at + 16 <= data.length
    if (whole) h1 = plus(times(plus(rotate(h1, 27n), h2), 5n), 0x52dce729n)
    h2 ^= times(rotate(times(padded.readBigUInt64LE(at + 8), c2), 33n), c1)
    if (whole) h2 = plus(times(plus(rotate(h2, 31n), h1), 5n), 0x38495ab5n)
  }
  h1 ^= BigInt(data.length)
  h2 ^= BigInt(data.length)
  h1 = plus(h1, h2)
  h2 = plus(h2, h1)
  h1 = finish(h1)
  h2 = finish(h2)
  h1 = plus(h1, h2)
  h2 = plus(h2, h1)
  return (h1.toString(16).padStart(16, '0') + h2.toString(16).padStart(16, '0')).toLowerCase()
}

it('equals the hash in whole words for any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), data => {
      expect(Buffer.from(murmur3(data), 'latin1').toString('hex')).toBe(slowly(data))
    }),
    { numRuns: 300 },
  )
})
