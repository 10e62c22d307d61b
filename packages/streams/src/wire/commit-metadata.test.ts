import { expect, it } from 'vitest'
import { decodeCommitMetadata, encodeCommitMetadata, metadataCharactersMax } from './commit-metadata.ts'
import { vectors } from './vectors.fixture.ts'

interface MetadataVector {
  readonly partitionTime: number
  readonly processors: Readonly<Record<string, number>>
  readonly encoded: string
}

it.each(vectors<MetadataVector>('commit-metadata'))('reads and writes $encoded', ({ partitionTime, processors, encoded }) => {
  const times = new Map(Object.entries(processors))
  expect(decodeCommitMetadata(encoded)).toEqual({ partitionTime, times })
  const written = encodeCommitMetadata(partitionTime, times)
  expect(decodeCommitMetadata(written)).toEqual({ partitionTime, times })
  if (times.size < 2) expect(written).toBe(encoded)
})

it('lists times in the order of a HashMap of Java', () => {
  const known = 'st-3 st-8 st-7 counts a b zeta omega first-store second-store third fourth fifth sixth'
  const written = 'zeta a b first-store counts second-store omega sixth st-3 third st-8 fifth fourth st-7'
  const times = new Map(known.split(' ').map((name, i) => [name, i]))
  expect([...decodeCommitMetadata(encodeCommitMetadata(1, times)).times.keys()].join(' ')).toBe(written)
})

it.each([undefined, '', 'rubbish', Buffer.alloc(40, 9).toString('base64')])('says nothing for %j', metadata => {
  expect(decodeCommitMetadata(metadata)).toEqual({ partitionTime: -1, times: new Map() })
})

it('takes what is whole of a torn one', () => {
  const whole = encodeCommitMetadata(
    7,
    new Map([
      ['a', 1],
      ['b', 2],
    ]),
  )
  const torn = Buffer.from(whole, 'base64').subarray(0, -1).toString('base64')
  expect(decodeCommitMetadata(torn)).toEqual({ partitionTime: 7, times: new Map([['a', 1]]) })
})

it('holds 61 times with names of 36 characters within metadataCharactersMax', () => {
  const times = (n: number) => new Map(Array.from({ length: n }, (_, i) => [String(i).padStart(36, 'x'), i]))
  expect(encodeCommitMetadata(1, times(61)).length).toBeLessThanOrEqual(metadataCharactersMax)
  expect(encodeCommitMetadata(1, times(64)).length).toBeGreaterThan(metadataCharactersMax)
})
