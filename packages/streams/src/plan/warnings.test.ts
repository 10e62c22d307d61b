import { expect, it } from 'vitest'
import type { Sink } from '../contract/sink.ts'
import { count } from '../operator/count.ts'
import { filter } from '../operator/filter.ts'
import { joinStream } from '../operator/join-stream.ts'
import { persist } from '../operator/persist.ts'
import { rekey } from '../operator/rekey.ts'
import { to } from '../operator/to.ts'
import { topic } from '../operator/topic.ts'
import { json } from '../serde/json.ts'
import { text } from '../serde/text.ts'
import type { Stream } from '../stream.ts'
import { session } from '../window/session.ts'
import { tumbling } from '../window/tumbling.ts'
import { topology } from './topology.ts'
import { warnings } from './warnings.ts'

const words = topic('words', { key: text, value: text })
const of = (end: Stream<unknown>) => warnings(topology('app', end)).map(({ node, message }) => [node, message.split(':')[0]])
const sink = (idempotent: boolean): Sink<string, string> => ({ name: 'mail', idempotent, write: async () => {} })

it('a plan that means what it says has none', () => {
  expect(
    of(
      words.pipe(
        rekey('by-word', word => word),
        count('n'),
      ),
    ),
  ).toEqual([])
  expect(of(words.pipe(persist(sink(true))))).toEqual([])
  expect(of(words.pipe(count('n', { window: tumbling(10, { grace: 5, retention: 1000 }), emit: 'onClose' })))).toEqual([])
  expect(of(words.pipe(count('n', { window: session(10, { grace: 5 }) })))).toEqual([])
})

it.each<[string, Stream<unknown>, string, string]>([
  [
    'a window after retry topics',
    words.pipe(
      persist(sink(true), { retry: { retriesMax: 2, topics: { name: 'later', delays: [10, 20] } } }),
      count('n', { window: tumbling(10, { grace: 5, retention: 1000 }), emit: 'onClose' }),
    ),
    'mail',
    'what comes back from its retry topics is up to 30 ms late for the windows and joins after it',
  ],
  ['a topic that goes round', words.pipe(filter(Boolean), to('words')), 'words', 'is written and read by the same plan'],
  [
    'a rekey for nothing',
    words.pipe(
      rekey('by-word', word => word),
      to('out'),
    ),
    'by-word',
    'no keyed operator follows the rekey',
  ],
  ['a key of JSON', topic('t', { key: json<{ a: 1 }>(), value: text }).pipe(count('n')), 'n', 'keys are written as JSON'],
  [
    'a repartition by JSON',
    words.pipe(
      rekey('r', word => ({ word }), { key: json<{ word: string }>() }),
      count('n'),
    ),
    'r',
    'keys are written as JSON',
  ],
  [
    'final results with the least retention',
    words.pipe(count('n', { window: tumbling(10, { grace: 5 }), emit: 'onClose' })),
    'n',
    'the store no longer shows most windows when they close',
  ],
  [
    'a join that keeps nothing',
    words.pipe(joinStream('j', words, a => a, { before: 5, after: -5, grace: 0 })),
    'j',
    'no record meets another',
  ],
  ['a sink that is not idempotent', words.pipe(persist(sink(false))), 'mail', 'the sink is not idempotent'],
])('%s', (_name, end, node, message) => {
  expect(of(end)).toContainEqual([node, expect.stringContaining(message)])
})
