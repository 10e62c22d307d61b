import { expect, it } from 'vitest'
import { count } from '../operator/count.ts'
import { filter } from '../operator/filter.ts'
import { join } from '../operator/join.ts'
import { joinTable } from '../operator/join-table.ts'
import { mapAsync } from '../operator/map-async.ts'
import { merge } from '../operator/merge.ts'
import { process } from '../operator/process.ts'
import { rekey } from '../operator/rekey.ts'
import { repartition } from '../operator/repartition.ts'
import { table } from '../operator/table.ts'
import { toTable } from '../operator/to-table.ts'
import { topic } from '../operator/topic.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { keyValueStore } from '../store/key-value.ts'
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

it('inputs of processors that share a store have the same number, unless they say that they keep nothing by key', () => {
  const store = keyValueStore('shared', { key: text, value: int64 })
  const kept = (name: string, keyed: boolean) =>
    numbers(name).pipe(
      process(`in-${name}`, context => record => context.store(store).put(record.key, record.value, 0), { stores: [store], keyed }),
    )
  const counts = (keyed: boolean) => partitionCounts(topology('app', kept('a', keyed), kept('b', keyed)), external)
  expect(() => counts(true)).toThrow(/RIACHO_NOT_COPARTITIONED: 'in-a' and 'in-b' share a store .* 4 and 6 .*keyed: false/)
  expect([...counts(false)]).toEqual([...external])
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

it('a repartition topic has as many as the table that its records meet, unless it says how many', () => {
  const rows = table('b', { key: text, value: int64 })
  const met = (partitions?: number) =>
    numbers('a').pipe(
      rekey('r', n => String(n), partitions === undefined ? {} : { partitions }),
      join(rows, (n, m) => n + m),
    )
  expect(partitionCounts(topology('app', met()), external).get('app-r-repartition')).toBe(6)
  expect(() => partitionCounts(topology('app', met(5)), external)).toThrow(/RIACHO_NOT_COPARTITIONED.*'join'.*5 and 6/)
  const tables = () => table('a', { key: text, value: int64 }).pipe(joinTable(rows, (n, m) => n + m))
  expect(() => partitionCounts(topology('app', tables()), external)).toThrow(/RIACHO_NOT_COPARTITIONED.*'joinTable'.*4 and 6/)
})

it('repartition topics that meet have the most of them, through whatever joins them', () => {
  const moved = (from: string, name: string) => numbers(from).pipe(rekey(name, n => String(n)))
  const [x, y] = [moved('a', 'x'), moved('b', 'y').pipe(toTable({ store: 'y' }))]
  const last = moved('a', 'z').pipe(toTable({ store: 'z' }))
  const both = x.pipe(join(y, (n, m) => n + m))
  const three = x.pipe(join(last, (n, m) => n + m))
  const counts = partitionCounts(topology('app', three, both), external)
  expect(['x', 'y', 'z'].map(name => counts.get(`app-${name}-repartition`))).toEqual([6, 6, 6])
})
