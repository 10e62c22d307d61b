import { describe, expect, it } from 'vitest'
import type { Node } from '../contract/node.ts'
import { branch } from '../operator/branch.ts'
import { count } from '../operator/count.ts'
import { filter } from '../operator/filter.ts'
import { joinStream } from '../operator/join-stream.ts'
import { mapValues } from '../operator/map-values.ts'
import { merge } from '../operator/merge.ts'
import { process } from '../operator/process.ts'
import { rekey } from '../operator/rekey.ts'
import { repartition } from '../operator/repartition.ts'
import { selectKey } from '../operator/select-key.ts'
import { table } from '../operator/table.ts'
import { tap } from '../operator/tap.ts'
import { to } from '../operator/to.ts'
import { toStream } from '../operator/to-stream.ts'
import { topic } from '../operator/topic.ts'
import { text } from '../serde/text.ts'
import type { KStream, Stream } from '../stream.ts'
import { describe as described } from './describe.ts'
import { optimize } from './optimize.ts'
import { asOneTask, type Topology, topology } from './topology.ts'

const texts = { key: text, value: text }
const words = topic('words', texts)
const others = topic('others', texts)
const first = selectKey<string, string, string>(word => word[0] ?? '')
const long = filter<string, string>(word => word.length > 1)
const upper = mapValues<string, string, string>(word => word.toUpperCase())
const counted = (stream: KStream<string, string>, name: string, options: object = {}) =>
  stream.pipe(repartition(name, { ...texts, ...options }), count(`${name}-counts`))

/** The topics that a plan moves data through, each with what reads it, as far as the next store. */
function moves(plan: Topology): Readonly<Record<string, readonly string[]>> {
  const after = (node: Node): string[] =>
    (plan.children.get(node) ?? []).flatMap(child =>
      child.stores !== undefined || child.sink !== undefined ? [child.label] : after(child).map(label => `${child.label}>${label}`),
    )
  const moving = plan.nodes.filter(node => node.repartition !== undefined && !plan.unmoved.has(node))
  return Object.fromEntries(moving.map(node => [node.repartition!.name, after(node)]))
}

const parentsOf = (plan: Topology, label: string): readonly string[] =>
  plan.nodes.find(node => node.label === label)!.parents.map(parent => parent.label)
const drawn = (...ends: readonly Stream<unknown>[]): Topology => optimize(topology('app', ...ends))

describe('repartitions of one stream with a new key', () => {
  it('share the topic of the first', () => {
    const rekeyed = words.pipe(first)
    const plan = topology('app', counted(rekeyed, 'one'), counted(rekeyed, 'two'))
    expect([moves(plan), moves(optimize(plan))]).toEqual([
      { one: ['one-counts'], two: ['two-counts'] },
      { one: ['one-counts', 'two-counts'] },
    ])
    expect(optimize(plan).subTopologies.map(part => part.topics)).toEqual([['words'], ['app-one-repartition']])
  })

  it('the first is the one that was drawn first, whatever the order of the ends', () => {
    const rekeyed = words.pipe(first)
    const ends = [counted(rekeyed, 'one'), counted(rekeyed, 'two')]
    expect(moves(drawn(...ends.reverse()))).toEqual({ one: ['one-counts', 'two-counts'] })
  })

  it('come before filters, taps and branches, which Kafka Streams moves after the topic', () => {
    const rekeyed = words.pipe(first)
    const { taken, rest } = branch(rekeyed, { taken: word => word.length > 3 })
    const plan = drawn(counted(rekeyed.pipe(long), 'one'), counted(taken, 'two'), counted(rest.pipe(tap(() => {})), 'three'))
    expect(moves(plan)).toEqual({
      one: ['branch>branch:taken>two-counts', 'branch>branch:rest>tap>three-counts', 'filter>one-counts'],
    })
  })

  it('a lone one is moved up too', () => {
    expect(moves(drawn(counted(words.pipe(first, long), 'one')))).toEqual({ one: ['filter>one-counts'] })
  })

  it('what else reads the new key is left where it is, and comes after the topic', () => {
    const rekeyed = words.pipe(first)
    const kept = rekeyed.pipe(long)
    const plan = drawn(rekeyed.pipe(to('all')), counted(kept, 'one'), counted(rekeyed, 'two'), kept.pipe(to('long')))
    expect([parentsOf(plan, 'all'), parentsOf(plan, 'long'), moves(plan)]).toEqual([
      ['selectKey'],
      ['filter'],
      { one: ['filter>one-counts', 'filter>long', 'two-counts'] },
    ])
    const changer = plan.nodes.find(node => node.label === 'selectKey')!
    expect(plan.children.get(changer)!.map(child => child.label)).toEqual(['one', 'all'])
  })

  it('are not merged over a step that changes values, or what is not known to keep them', () => {
    const rekeyed = words.pipe(first)
    const through = process<string, string, string, string>('p', ({ forward }) => forward, texts)
    for (const step of [upper, through]) {
      const plan = topology('app', counted(rekeyed.pipe(step), 'one'), counted(rekeyed.pipe(step), 'two'), counted(rekeyed, 'three'))
      expect(moves(optimize(plan))).toEqual(moves(plan))
    }
    const both = rekeyed.pipe(upper)
    expect(Object.keys(moves(drawn(counted(both, 'one'), counted(both, 'two'))))).toEqual(['one', 'two'])
  })

  it('are not merged when they say so, or say their partitions', () => {
    const rekeyed = words.pipe(first)
    const three = [counted(rekeyed, 'one', { merge: false }), counted(rekeyed, 'two', { partitions: 3 }), counted(rekeyed, 'three')]
    expect(Object.keys(moves(drawn(...three)))).toEqual(['one', 'two', 'three'])
  })

  it('a rekey that only selects its key counts as one that gives a new key', () => {
    const rekeyed = words.pipe(rekey('by-first', word => word[0] ?? ''))
    const plan = topology('app', counted(rekeyed, 'one'), counted(rekeyed, 'two'))
    expect([...plan.unmoved].map(node => node.label)).toEqual(['by-first'])
    expect(moves(optimize(plan))).toEqual({ one: ['one-counts', 'two-counts'] })
  })

  it('where several such streams are merged they come after the merge', () => {
    const both = merge(words.pipe(first), others.pipe(first, long))
    const plan = drawn(counted(both, 'one'), counted(both.pipe(tap(() => {})), 'two'))
    expect([moves(plan), parentsOf(plan, 'one')]).toEqual([{ one: ['one-counts', 'tap>two-counts'] }, ['merge']])
  })

  it('one that also takes records from elsewhere stays', () => {
    const rekeyed = words.pipe(first)
    const both = merge(rekeyed, others)
    const plan = drawn(counted(both, 'one'), counted(rekeyed, 'two'), counted(rekeyed, 'three'))
    expect(moves(plan)).toEqual({ one: ['one-counts'], two: ['two-counts', 'three-counts'] })
    expect(parentsOf(plan, 'one')).toEqual(['merge'])
  })

  it('tell their readers that the records of a key are together', () => {
    const plan = drawn(counted(words.pipe(first, long), 'one'))
    expect(plan.nodes.map(({ label, partitioned }) => [label, partitioned])).toEqual([
      ['words', true],
      ['selectKey', false],
      ['one', true],
      ['filter', true],
      ['one-counts', true],
    ])
  })
})

describe('tables', () => {
  const rows = table('rows', { ...texts, store: 'kept' })
  const plan = topology('app', rows.pipe(toStream(), to('out')))

  it('have their own topic as changelog, in one task too', () => {
    const [node] = plan.nodes
    for (const optimized of [optimize(plan), asOneTask(optimize(plan)), optimize(asOneTask(plan))])
      expect([...optimized.sourceLogs]).toEqual([['kept', node]])
    expect([plan.sourceLogs.size, optimize(asOneTask(plan)).whole]).toEqual([0, true])
  })

  it('only when they keep rows', () => {
    expect(drawn(table('rows', texts).pipe(toStream(), to('out'))).sourceLogs.size).toBe(0)
  })

  it('not when a record may be taken otherwise the second time', () => {
    const kept = (options: object) => drawn(table('rows', { ...texts, store: 'kept', ...options }).pipe(toStream(), to('out')))
    const reused = [
      { maxFutureSkew: 5 },
      { invalidTimestamp: 'partitionTime' },
      { timestamp: (_v: string, _r: unknown, last: number) => last },
    ]
    for (const options of reused) expect(kept(options).sourceLogs.size).toBe(0)
    expect(kept({ timestamp: () => 1, invalidTimestamp: 'skip' }).sourceLogs.size).toBe(1)
  })

  it('say so', () => {
    expect(described(optimize(plan))).toContain('Source: rows (topics: [rows]) stores: [kept], changelog: its topic\n')
  })
})

describe('a stream joined with itself', () => {
  const pair = (a: string, b: string) => a + b
  const times = { before: 5, after: 5, grace: 0, left: text, right: text }
  const storesOf = (plan: Topology): readonly string[] => [...plan.stores.keys()]

  it('keeps its records once', () => {
    const plan = topology('app', words.pipe(joinStream('pairs', words, pair, times)))
    expect([storesOf(plan).length, storesOf(optimize(plan)), parentsOf(optimize(plan), 'pairs')]).toEqual([
      2,
      ['pairs-this-join-store'],
      ['words'],
    ])
  })

  it('also when both sides came through topics that are one now', () => {
    const rekeyed = words.pipe(first)
    const [left, right] = ['left', 'right'].map(name => rekeyed.pipe(repartition(name, texts)))
    const plan = topology('app', left!.pipe(joinStream('pairs', right!, pair, times)))
    expect([storesOf(optimize(plan)), Object.keys(moves(optimize(plan)))]).toEqual([['pairs-this-join-store'], ['left']])
    expect(storesOf(optimize(plan, 'self joins')).length).toBe(2)
  })

  it('two streams keep theirs', () => {
    expect(storesOf(drawn(words.pipe(joinStream('pairs', others, pair, times)))).length).toBe(2)
  })
})

describe('optimize', () => {
  const rekeyed = words.pipe(first)
  const plan = topology(
    'app',
    counted(rekeyed, 'one'),
    counted(rekeyed, 'two'),
    table('rows', { ...texts, store: 'kept' }).pipe(toStream(), to('out')),
  )

  it('changes nothing of the plan that it is given', () => {
    const before = plan.fingerprint
    optimize(plan)
    expect([plan.fingerprint, Object.keys(moves(plan)), plan.sourceLogs.size]).toEqual([before, ['one', 'two'], 0])
  })

  it('does only what it is told', () => {
    const what = (optimized: Topology) => [Object.keys(moves(optimized)).length, optimized.sourceLogs.size]
    expect([optimize(plan), optimize(plan, 'source changelogs'), optimize(plan, 'merged repartitions')].map(what)).toEqual([
      [1, 1],
      [2, 1],
      [1, 0],
    ])
  })

  it('is another plan, with another fingerprint, unless there was nothing to do; twice is once', () => {
    const prints = [plan, optimize(plan), optimize(optimize(plan)), optimize(plan, 'source changelogs')].map(each => each.fingerprint)
    expect([new Set(prints).size, prints[1] === prints[2]]).toEqual([3, true])
    const simple = topology('app', words.pipe(upper, to('out')))
    expect([optimize(simple).fingerprint, optimize(simple).nodes]).toEqual([simple.fingerprint, simple.nodes])
  })

  it('adds to what was done before', () => {
    const plan = topology('app', table('rows', { ...texts, store: 'kept' }).pipe(toStream()), counted(words.pipe(first), 'one'))
    const twice = optimize(optimize(plan, 'source changelogs'), 'merged repartitions')
    expect(twice.fingerprint).toBe(optimize(plan, 'source changelogs', 'merged repartitions').fingerprint)
    expect([...twice.sourceLogs.keys()]).toEqual(['kept'])
  })

  it('goes once over what can be reached in many ways', () => {
    const diamonds = (from: KStream<string, string>) =>
      Array.from({ length: 100 }).reduce<KStream<string, string>>(stream => merge(stream.pipe(long), stream.pipe(long)), from.pipe(first))
    const [one, two] = [diamonds(words), diamonds(others)]
    const plan = optimize(topology('app', counted(one, 'one'), counted(two, 'two'), counted(merge(one, two), 'both')))
    expect(Object.keys(moves(plan)).sort()).toEqual(['both', 'one', 'two'])
  })

  it('refuses what it does not know', () => {
    expect(() => optimize(plan, 'everything' as never)).toThrow(/RIACHO_OPTION.*'everything'/)
    expect(() => optimize({} as never)).toThrow('RIACHO_OPTION')
  })
})
