import type { GroupShare, TopicPartition } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { assignorOf, distribute, type Member } from './assignment.ts'

const at = (partition: number): TopicPartition => ({ topic: 't', partition })
const all = [0, 1, 2, 3].map(at)
const member = (id: string, owned: readonly number[] = [], generation = 1): Member => ({ id, owned: owned.map(at), generation })
const byRange = assignorOf({ group: 'g', topics: ['t'] })
const numbers = (shares: ReadonlyMap<string, GroupShare>) =>
  Object.fromEntries([...shares].map(([id, share]) => [id, share.partitions.map(one => one.partition)]))

it('holds back what another member still owns', () => {
  expect(numbers(distribute([member('b'), member('a', [0, 1, 2, 3])], all, byRange))).toEqual({ a: [0, 1], b: [] })
  expect(numbers(distribute([member('b'), member('a', [0, 1])], all, byRange))).toEqual({ a: [0, 1], b: [2, 3] })
})

it('believes the later generation when two say that they own the same, and neither of one generation', () => {
  expect(numbers(distribute([member('a', [2], 4), member('b', [2], 5)], all, byRange))).toEqual({ a: [0, 1], b: [2, 3] })
  expect(numbers(distribute([member('a', [2], 5), member('b', [2], 4)], all, byRange))).toEqual({ a: [0, 1], b: [3] })
  expect(numbers(distribute([member('a', [2], 5), member('b', [2], 5)], all, byRange))).toEqual({ a: [0, 1], b: [2, 3] })
})

it('shows an assignor the members by id, with what they tell, and gives each what it is told', () => {
  const seen: unknown[] = []
  const shares = distribute(
    [
      { ...member('b', [1]), data: Uint8Array.of(2) },
      { ...member('a'), instanceId: 'one' },
    ],
    all,
    (members, partitions) => {
      seen.push(...members)
      return new Map([['b', { partitions, data: Uint8Array.of(9) }]])
    },
  )
  expect(seen).toEqual([
    { id: 'a', owned: [], generation: 1, instanceId: 'one' },
    { id: 'b', owned: [at(1)], generation: 1, data: Uint8Array.of(2) },
  ])
  expect(shares).toEqual(
    new Map([
      ['a', { partitions: [], data: undefined }],
      ['b', { partitions: all, data: Uint8Array.of(9) }],
    ]),
  )
})

it.each([
  ['twice', ['a', 'b'], [at(0)]],
  ['stranger', ['c'], [at(0)]],
  ['none of the group', ['a'], [at(9)]],
])('refuses to give a partition %s', (_, ids, partitions) => {
  const assign = () => new Map(ids.map(id => [id, { partitions }]))
  expect(() => distribute([member('a'), member('b')], all, assign)).toThrow(expect.objectContaining({ code: 'ASSIGNMENT' }))
})
