import { expect, it } from 'vitest'
import { count } from '../operator/count.ts'
import { filter } from '../operator/filter.ts'
import { mapAsync } from '../operator/map-async.ts'
import { merge } from '../operator/merge.ts'
import { rekey } from '../operator/rekey.ts'
import { repartition } from '../operator/repartition.ts'
import { topic } from '../operator/topic.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { partitionCounts, taskCount } from './partitions.ts'
import { topology } from './topology.ts'

const numbers = (name: string) => topic<string, number>(name, { key: text, value: int64 })
const external = new Map([
  ['a', 4],
  ['b', 6],
])

it('a repartition topic has the most partitions of any topic upstream, or what it says', () => {
  const plan = topology(
    'app',
    merge(numbers('a').pipe(filter(() => true)), numbers('b')).pipe(
      rekey('most', n => String(n)),
      count('c'),
    ),
    numbers('a').pipe(repartition('said', { partitions: 2 }), repartition('of-said'), count('d')),
  )
  const counts = partitionCounts(plan, external)
  expect([counts.get('app-most-repartition'), counts.get('app-said-repartition'), counts.get('app-of-said-repartition')]).toEqual([6, 2, 2])
  expect(plan.subTopologies.map(part => taskCount(part, counts))).toEqual([6, 6, 2, 2])
})

it('a rekey that moves nothing has no topic', () => {
  const counts = partitionCounts(topology('app', numbers('a').pipe(rekey('r', n => String(n)))), external)
  expect([...counts]).toEqual([...external])
})

it('inputs that meet at a keyed operator have the same number', () => {
  const met = () => merge(numbers('a'), numbers('b')).pipe(count('c'))
  expect(() => partitionCounts(topology('app', met()), external)).toThrow(/RIACHO_NOT_COPARTITIONED.*'c'.*4 and 6/)
  expect(() =>
    partitionCounts(
      topology('app', met()),
      new Map([
        ['a', 4],
        ['b', 4],
      ]),
    ),
  ).not.toThrow()
  const mended = merge(numbers('a'), numbers('b')).pipe(repartition('r'), count('c'))
  expect(() => partitionCounts(topology('app', mended), external)).not.toThrow()
})

it('a long row of diamonds is counted at once', () => {
  let stream = numbers('a')
  for (let i = 0; i < 100; i++) stream = merge(stream.pipe(filter(() => true)), stream.pipe(filter(() => false)))
  expect(partitionCounts(topology('app', stream.pipe(repartition('r'), count('c'))), external).get('app-r-repartition')).toBe(4)
})

it('asynchronous work by key meets equal counts only; it is told that it need not be by key', () => {
  const work = (order?: 'partition') => merge(numbers('a'), numbers('b')).pipe(mapAsync(async n => n, order && { order }))
  expect(() => partitionCounts(topology('app', work()), external)).toThrow(/RIACHO_NOT_COPARTITIONED.*order: 'partition'/)
  expect(() => partitionCounts(topology('app', work('partition')), external)).not.toThrow()
})
