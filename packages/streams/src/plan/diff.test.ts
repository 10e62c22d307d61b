import { expect, it } from 'vitest'
import { count } from '../operator/count.ts'
import { filter } from '../operator/filter.ts'
import { mapAsync } from '../operator/map-async.ts'
import { process } from '../operator/process.ts'
import { repartition } from '../operator/repartition.ts'
import { selectKey } from '../operator/select-key.ts'
import { table } from '../operator/table.ts'
import { to } from '../operator/to.ts'
import { toStream } from '../operator/to-stream.ts'
import { topic } from '../operator/topic.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { keyValueStore } from '../store/key-value.ts'
import type { KStream, Stream } from '../stream.ts'
import { tumbling } from '../window/tumbling.ts'
import { describeJson } from './describe-json.ts'
import { diff } from './diff.ts'
import { optimize } from './optimize.ts'
import { topology } from './topology.ts'

const words: KStream<string, string> = topic('words', { key: text, value: text })
const moved = (partitions?: number) =>
  words.pipe(
    selectKey(word => word),
    repartition('by-word', partitions === undefined ? {} : { partitions }),
  )
const counted = (from: KStream<string, string>, retention?: number) =>
  retention === undefined
    ? from.pipe(count('n'), toStream(), to('out', { value: int64 }))
    : from.pipe(count('n', { window: tumbling(10, { grace: 0, retention }) }), toStream(), to('out', { value: int64 }))
const holding = (logged: boolean) =>
  words.pipe(process('p', () => () => {}, { stores: [keyValueStore('held', { key: text, value: text, logged })], key: text, value: text }))
const retried = (...delays: readonly number[]) =>
  words.pipe(mapAsync(async word => word, { retry: { retriesMax: 2, topics: { name: 'later', delays } } }))

const between = (old: Stream<unknown>, now: Stream<unknown>, id = 'app') =>
  diff(describeJson(topology('app', old)), describeJson(topology(id, now))).map(({ effect, what, name }) => `${effect} ${what} ${name}`)

it.each<[string, Stream<unknown>, Stream<unknown>, readonly string[]]>([
  ['nothing', counted(moved()), counted(moved()), []],
  ['retries', retried(10, 20), retried(10, 20), []],
  ['a retry topic that is gone', retried(10, 20), retried(10), ['loses retry app-later-retry-2']],
  ['a retry topic that is new', words.pipe(to('out')), retried(10).pipe(to('out')), ['notes retry app-later-retry-1']],
  ['a store that is gone', counted(words), words.pipe(to('out')), ['loses store n']],
  ['a store that is new', words.pipe(to('out')), counted(words), ['notes store n']],
  ['a store of another kind', counted(words), counted(words, 10), ['breaks store n']],
  ['a shorter retention', counted(words, 50), counted(words, 10), ['loses store n']],
  ['a longer retention', counted(words, 10), counted(words, 50), ['notes store n']],
  ['a changelog less', holding(true), holding(false), ['loses store held']],
  ['a changelog more', holding(false), holding(true), ['notes store held']],
  ['another way into a store', counted(words), counted(words.pipe(filter(word => word !== ''))), ['notes store n']],
  ['a repartition less', counted(moved()), counted(words), ['loses repartition app-by-word-repartition', 'notes store n']],
  ['a repartition more', counted(words), counted(moved()), ['notes store n', 'notes repartition app-by-word-repartition']],
  ['other partitions', counted(moved(2)), counted(moved(3)), ['breaks repartition app-by-word-repartition']],
  ['another sink', words.pipe(to('a')), words.pipe(to('b')), ['notes sink a', 'notes sink b']],
])('%s', (_name, old, now, wanted) => {
  expect(between(old, now)).toEqual(wanted)
})

it('another source, and another application', () => {
  const other = topic('others', { key: text, value: text }).pipe(to('out'))
  expect(between(words.pipe(to('out')), other)).toEqual(['notes source words', 'notes source others'])
  expect(between(counted(words), counted(words), 'app-2')).toEqual(['loses application app-2'])
})

it('says what to do', () => {
  const [change] = diff(describeJson(topology('app', counted(words))), describeJson(topology('app', counted(words, 10))))
  expect(change?.message).toBe(
    "store 'n' was of kind key-value and is of kind window: the one cannot read the other's changelog; give it another name",
  )
})

it('an optimized plan takes its tables from their topics: going there is no loss, coming back is one', () => {
  const plan = topology('app', table('rows', { key: text, value: text, store: 'kept' }).pipe(toStream(), to('out')))
  const both = [plan, optimize(plan)].map(describeJson)
  const said = [diff(both[0]!, both[1]!), diff(both[1]!, both[0]!)].map(all => all.map(({ effect, name }) => `${effect} ${name}`))
  expect(said).toEqual([['notes kept'], ['loses kept']])
})
