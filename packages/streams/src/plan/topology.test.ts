import { of } from 'rxjs'
import { describe, expect, it, vi } from 'vitest'
import { count } from '../operator/count.ts'
import { filter } from '../operator/filter.ts'
import { filterTable } from '../operator/filter-table.ts'
import { joinTable } from '../operator/join-table.ts'
import { mapAsync } from '../operator/map-async.ts'
import { mapTable } from '../operator/map-table.ts'
import { mapValues } from '../operator/map-values.ts'
import { merge } from '../operator/merge.ts'
import { process } from '../operator/process.ts'
import { regroup } from '../operator/regroup.ts'
import { rekey } from '../operator/rekey.ts'
import { repartition } from '../operator/repartition.ts'
import { table } from '../operator/table.ts'
import { to } from '../operator/to.ts'
import { toStream } from '../operator/to-stream.ts'
import { topic } from '../operator/topic.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { keyValueStore } from '../store/key-value.ts'
import { isStream, type Stream } from '../stream.ts'
import { minutes } from '../window/duration.ts'
import { tumbling } from '../window/tumbling.ts'
import { asOneTask, isTopology, topology } from './topology.ts'

const numbers = (name = 'n') => topic<string, number>(name, { key: text, value: int64 })
const window = tumbling(minutes(1), { grace: 0 })
const labels = (nodes: Iterable<{ readonly label: string }>) => [...nodes].map(node => node.label)

describe('a topology', () => {
  it('is a frozen value of all nodes that lead to its ends, parents first, siblings as declared', () => {
    const stream = numbers()
    const [later, sooner] = [stream.pipe(filter(() => true)), stream.pipe(mapValues(n => n))]
    stream.pipe(to('not-an-end'))
    const plan = topology('app', sooner, later)
    expect(labels(plan.nodes)).toEqual(['n', 'mapValues', 'filter'])
    expect(labels(plan.children.get(stream.node)!)).toEqual(['filter', 'mapValues'])
    expect([Object.isFrozen(plan), Object.isFrozen(plan.nodes), isTopology(plan), isTopology({})]).toEqual([true, true, true, false])
  })

  it('needs ends that are Streams, and an id', () => {
    expect(() => topology('app')).toThrow(/RIACHO_NOT_A_PLAN.*no ends/)
    expect(() => topology('app', of(1) as unknown as Stream<unknown>)).toThrow('RIACHO_NOT_A_PLAN')
    expect(() => topology('a b', numbers())).toThrow('RIACHO_NAME')
  })

  it('has an equal fingerprint for an equal plan only', () => {
    const plan = (store: string) =>
      topology(
        'app',
        numbers().pipe(
          filter(() => true),
          count(store),
        ),
      ).fingerprint
    expect(plan('a')).toBe(plan('a'))
    expect(plan('a')).not.toBe(plan('b'))
    expect(topology('app', numbers().pipe(count('a'))).fingerprint).not.toBe(plan('a'))
  })
})

describe('sub-topologies', () => {
  const parts = (...ends: readonly Stream<unknown>[]) =>
    topology('app', ...ends).subTopologies.map(part => ({
      nodes: labels(part.nodes),
      reads: labels(part.reads),
      topics: part.topics,
      stores: part.stores.map(spec => spec.name),
    }))

  it('are cut where data moves through a topic', () => {
    const moved = numbers().pipe(
      rekey('by-n', n => String(n)),
      count('counts'),
    )
    expect(parts(moved)).toEqual([
      { nodes: ['n', 'by-n'], reads: [], topics: ['n'], stores: [] },
      { nodes: ['counts'], reads: ['by-n'], topics: ['app-by-n-repartition'], stores: ['counts'] },
    ])
  })

  it('are one where a merge, a source or a store joins them', () => {
    expect(parts(merge(numbers('a'), numbers('b')))).toHaveLength(1)
    expect(parts(numbers('a'), numbers('b'))).toHaveLength(2)
    expect(parts(numbers('a'), numbers('a').pipe(filter(() => true)))).toHaveLength(1)
    const spec = keyValueStore('kept', { key: text, value: int64 })
    const using = (name: string) => process<string, number, string, number>(name, context => context.forward, { stores: [spec] })
    expect(parts(numbers('a').pipe(using('x')), numbers('b').pipe(using('y')))).toHaveLength(1)
  })

  it('tell which has an asynchronous stage', () => {
    const plan = topology(
      'app',
      numbers().pipe(
        repartition('r'),
        mapAsync(async n => n),
      ),
    )
    expect(plan.subTopologies.map(part => part.async)).toEqual([false, true])
  })

  it('are one task in a test driver, with the same topics', () => {
    const plan = topology('app', numbers().pipe(repartition('r'), count('c')), numbers('b'))
    const whole = asOneTask(plan)
    expect(whole.subTopologies).toHaveLength(1)
    expect([...whole.subTopologies[0]!.topics].sort()).toEqual(['app-r-repartition', 'b', 'n'])
    expect(whole.fingerprint).toBe(plan.fingerprint)
  })
})

describe('a rekey', () => {
  const byN = () => numbers().pipe(rekey('by-n', n => String(n)))
  it.each<[string, (stream: ReturnType<typeof byN>) => Stream<unknown>, boolean]>([
    [
      'a keyed operator after it',
      stream =>
        stream.pipe(
          filter(() => true),
          count('c'),
        ),
      true,
    ],
    ['a stage in the order of keys', stream => stream.pipe(mapAsync(async n => n)), true],
    ['a stage in the order of the partition', stream => stream.pipe(mapAsync(async n => n, { order: 'partition' })), false],
    ['a sink only', stream => stream.pipe(to('out')), false],
    [
      'another rekey that moves the data',
      stream =>
        stream.pipe(
          rekey('again', n => String(n)),
          count('c'),
        ),
      false,
    ],
    ['nothing', stream => stream, false],
  ])('with %s', (_what, end, moved) => {
    const plan = topology('app', end(byN()))
    expect(labels(plan.unmoved).includes('by-n')).toBe(!moved)
    expect(plan.subTopologies.some(part => part.topics.includes('app-by-n-repartition'))).toBe(moved)
  })

  it('may share its name with nobody who moves data', () => {
    expect(() => topology('app', byN().pipe(count('a')), byN().pipe(count('b')))).toThrow(/RIACHO_NAME.*'by-n'/)
    topology('app', byN(), byN())
  })
})

describe('old values', () => {
  const clients = () => table('t', { key: text, value: int64 })
  it('are asked for where a regroup needs them, through what passes the wish on', () => {
    const perCity = clients().pipe(
      filterTable(() => true),
      mapTable(n => n),
      regroup('g', n => [String(n), n], { key: text, value: int64 }),
      count('c'),
    )
    const plan = topology('app', perCity)
    expect(labels(plan.asked)).toEqual(['t', 'filterTable', 'mapTable'])
    expect([...plan.stores.keys()]).toEqual(['t', 'c'])
  })

  it('are not asked for when nobody needs them', () => {
    const plan = topology(
      'app',
      clients().pipe(
        filterTable(() => true),
        toStream(),
      ),
    )
    expect([plan.asked.size, plan.stores.size]).toEqual([0, 0])
  })
})

describe('results of an asynchronous stage', () => {
  const slow = <V>(order?: 'key' | 'partition') => mapAsync<string, V, V>(async value => value, order && { order })
  it.each<[string, Stream<unknown>, boolean]>([
    ['a window follows', numbers().pipe(slow(), count('c', { window })), true],
    ['a window follows behind a topic', numbers().pipe(slow(), repartition('r'), count('c', { window })), false],
    ['a count without windows follows', numbers().pipe(slow(), count('c')), false],
    ['it says so', numbers().pipe(slow('partition')), true],
    [
      'keys are not together',
      numbers().pipe(
        process<string, number, string, number>('p', context => context.forward),
        slow(),
      ),
      true,
    ],
    ['nothing depends on time', numbers().pipe(slow()), false],
  ])('leave in input order when %s', (_what, end, ordered) => {
    expect(topology('app', end).ordered.size).toBe(ordered ? 1 : 0)
  })
})

it('nodes before a stage with dead letters keep originals, those behind a topic do not', () => {
  const failing = { onError: { deadLetter: 'dead' } }
  const plan = topology(
    'app',
    numbers().pipe(
      mapAsync(async n => n),
      repartition('r'),
      mapAsync(async n => n),
      mapValues(n => n, failing),
      filter(() => true),
    ),
  )
  expect(labels(plan.origins)).toEqual(['r', 'mapAsync', 'mapValues'])
})

it('a rekey that moves nothing leaves what follows in the same task', () => {
  const failing = { onError: { deadLetter: 'dead' } }
  const slow = mapAsync<string, number, number>(async n => n)
  const aside = topology(
    'app',
    numbers().pipe(
      slow,
      rekey('r', n => String(n)),
      mapValues(n => n, failing),
    ),
  )
  expect(labels(aside.origins)).toEqual(['n', 'mapAsync', 'r', 'mapValues'])
  const timed = process<string, number, string, number>('p', context => context.forward)
  expect(
    labels(
      topology(
        'app',
        numbers().pipe(
          slow,
          rekey('r', n => String(n)),
          timed,
        ),
      ).ordered,
    ),
  ).toEqual(['mapAsync'])
})

it('a long row of diamonds is drawn at once', () => {
  let stream = numbers()
  for (let i = 0; i < 200; i++) stream = merge(stream.pipe(filter(() => true)), stream.pipe(filter(() => false)))
  expect(
    topology(
      'app',
      stream.pipe(
        rekey('r', n => String(n)),
        to('out'),
      ),
    ).nodes,
  ).toHaveLength(603)
})

it('so is a long row of joins of tables that keep no rows', () => {
  let rows = table('rows', { key: text, value: text })
  for (let i = 0; i < 60; i++) rows = rows.pipe(joinTable(rows, (left, right) => left + right))
  expect(topology('app', rows.pipe(toStream())).stores.size).toBe(1)
})

it('streams of any copy of the package are recognised', () => {
  expect([isStream(numbers()), isStream(of(1)), isStream(null), isStream({ [Symbol.for('riacho.node')]: true })]).toEqual([
    true,
    false,
    false,
    true,
  ])
})

it('nodes that several copies of the package draw are ordered as they were drawn', async () => {
  vi.resetModules()
  const { filter: theirs } = await import('../operator/filter.ts')
  expect(theirs).not.toBe(filter)
  const source = numbers()
  const drawn = [filter, theirs, filter].map(operator => source.pipe(operator(n => n > 0)).node.created)
  expect(drawn.map(created => created - source.node.created)).toEqual([1, 2, 3])
})
