import { from } from 'rxjs'
import { expect, it } from 'vitest'
import { map } from '../operator/map.ts'
import { mapAsync } from '../operator/map-async.ts'
import { topic } from '../operator/topic.ts'
import { describe as described } from '../plan/describe.ts'
import { topology } from '../plan/topology.ts'
import { text } from '../serde/text.ts'
import type { AsyncOptions } from './options.ts'

const words = topic('words', { key: text, value: text })
const work = (options: AsyncOptions) => mapAsync(async (word: string) => word, options)
const topics = (delays: readonly number[], retriesMax = 2, name = 'later'): AsyncOptions => ({
  retry: { retriesMax, topics: { name, delays } },
})

it.each<[string, AsyncOptions, string, string]>([
  ['more delays than retries', topics([1, 2, 3]), 'RIACHO_OPTION', 'raise it'],
  ['no number of retries', topics([1], 1.5), 'RIACHO_OPTION', 'retriesMax is 1.5'],
  ['a delay of nothing', topics([10, 0]), 'RIACHO_OPTION', 'not 0'],
  ['a delay that is no number', topics([10, Number.NaN]), 'RIACHO_OPTION', 'not NaN'],
  ['an order that it has not', { ...topics([10]), order: 'partition' }, 'RIACHO_OPTION', 'no order'],
  ['a name that no topic has', topics([10], 2, 'a b'), 'RIACHO_NAME', "retry 'a b'"],
])('refuses retry topics with %s', (_, options, code, words_) => {
  expect(() => words.pipe(work(options))).toThrow(expect.objectContaining({ code, message: expect.stringContaining(words_) }))
})

it('refuses retry topics of keys that nobody can write, of one name, and outside of plans', () => {
  const rekeyed = words.pipe(map(word => [{ word }, word] as const))
  expect(() => rekeyed.pipe(mapAsync(async word => word, topics([10])))).toThrow(expect.objectContaining({ code: 'RIACHO_NO_SERDE' }))
  const twice = words.pipe(work(topics([10])), work(topics([20])))
  expect(() => topology('app', twice)).toThrow(expect.objectContaining({ code: 'RIACHO_NAME' }))
  const plain = from([{ key: 'k', value: 'v', timestamp: 0, headers: [] }]).pipe(work(topics([10])))
  const errors: unknown[] = []
  plain.subscribe({ error: error => errors.push(error) })
  expect(errors).toEqual([expect.objectContaining({ code: 'RIACHO_PLAN_ONLY' })])
})

it('a plan says its retry topics, and has others when their number changes', () => {
  const of = (...delays: readonly number[]) => topology('app', words.pipe(work(topics(delays))))
  expect(described(of(10, 20))).toContain('retry topics: [app-later-retry-1, app-later-retry-2]')
  expect(described(of())).toContain('retry topics: [app-later-retry-1]')
  expect(of(10, 20).subTopologies[0]!.topics).toEqual(['words', 'app-later-retry-1', 'app-later-retry-2'])
  expect([of(10, 20).fingerprint === of(10, 30).fingerprint, of(10, 20).fingerprint === of(10).fingerprint]).toEqual([true, false])
})
