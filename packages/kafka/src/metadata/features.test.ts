import * as library from '@platformatic/kafka'
import { expect, it } from 'vitest'
import { alike, checkBroker, type VersionRange, versionFor } from './features.ts'

/** The library's encoder of a request's version; undefined where it has none. */
const encoderOf = (name: string, version: number) =>
  (library as unknown as Record<string, { createRequest(...of: unknown[]): { buffer: Buffer } } | undefined>)[`${name}V${version}`]
const topics = (partition: object) => [{ name: 't', topicId: '00010203-0405-0607-0809-0a0b0c0d0e0f', partitions: [partition] }]
const at = { partition: 1, partitionIndex: 1, currentLeaderEpoch: -1 }
const offset = { ...at, committedOffset: 7n, committedLeaderEpoch: -1, committedMetadata: 'm' }

/** Something to write in each request. */
const requests: Readonly<Record<number, readonly [name: string, ...unknown[]]>> = {
  1: ['fetch', 1, 2, 3, 1, 0, -1, topics({ ...at, fetchOffset: 5n, lastFetchedEpoch: -1, partitionMaxBytes: 9 }), [], ''],
  2: ['listOffsets', -1, 1, topics({ ...at, timestamp: -2n })],
  8: ['offsetCommit', 'g', 3, 'm', null, topics(offset)],
  10: ['findCoordinator', 1, ['a', 'b']],
  22: ['initProducerId', 'id', 1000, 5n, 3],
  25: ['addOffsetsToTxn', 'id', 5n, 3, 'g'],
  26: ['endTxn', 'id', 5n, 3, true],
  28: ['txnOffsetCommit', 'id', 'g', 5n, 3, 4, 'm', null, topics(offset)],
}

it.each(alike.filter(([key]) => requests[key] !== undefined))('request %i is written alike from version %i to %i', (key, from, to) => {
  const [name, ...values] = requests[key]!
  const versions = Array.from({ length: to - from + 1 }, (_, i) => encoderOf(name, from + i)).filter(one => one !== undefined)
  const written = versions.map(({ createRequest }) => createRequest(...values).buffer.toString('hex'))
  expect(new Set(written).size).toBeLessThanOrEqual(1)
  if (to > from) expect(written.length).toBeGreaterThan(1)
})

const features = (...versions: [number, readonly [number, number]][]) => ({ versions: new Map(versions), finalized: new Map() })

it('sends a request in the newest version that both sides know', () => {
  expect(versionFor(features([1, [4, 15]]), 1, 15, 'b:1')).toBe(15)
  expect(versionFor(features([1, [4, 16]]), 1, 15, 'b:1')).toBe(16)
  expect(versionFor(features([1, [4, 99]]), 1, 15, 'b:1')).toBe(17)
  expect(versionFor(features([0, [3, 13]]), 0, 9, 'b:1')).toBe(11)
  expect(versionFor(features([0, [3, 13]]), 0, 12, 'b:1')).toBe(12)
  expect(versionFor(features([3, [0, 13]]), 3, 12, 'b:1')).toBe(12)
})

it('says which broker does not know a request, and what it knows', () => {
  const failure = { code: 'UNSUPPORTED_VERSION', fatal: true, retriable: false }
  const thrown = (of: ReturnType<typeof features>): unknown => {
    try {
      return versionFor(of, 1, 15, 'b:1')
    } catch (error) {
      return error
    }
  }
  expect(thrown(features([1, [4, 13]]))).toMatchObject({ ...failure, message: expect.stringMatching(/b:1: Fetch .*4 to 13.*3\.5/) })
  expect(thrown(features([1, [18, 20]]))).toMatchObject(failure)
  expect(thrown(features())).toMatchObject({ ...failure, message: expect.stringMatching(/does not know/) })
})

it('refuses a broker that lacks any request of the client, before that is sent', () => {
  const all = new Map(Array.from({ length: 93 }, (_, key): [number, VersionRange] => [key, [0, 99]]))
  expect(() => checkBroker({ versions: all, finalized: new Map() }, 'b:1')).not.toThrow()
  // As Kafka 3.4 has it.
  const older = new Map(all).set(1, [0, 14])
  expect(() => checkBroker({ versions: older, finalized: new Map() }, 'b:1')).toThrow('b:1: Fetch')
  for (const key of [0, 9, 14, 24, 28])
    expect(() => checkBroker({ versions: new Map([...all].filter(([of]) => of !== key)), finalized: new Map() }, 'b:1')).toThrow(
      'does not know it',
    )
})
