import { map, of } from 'rxjs'
import { expect, it } from 'vitest'
import { filter } from './operator/filter.ts'
import { topic } from './operator/topic.ts'
import { text } from './serde/text.ts'
import { isStream, Stream } from './stream.ts'

const stream = topic<string, string>('t', { key: text, value: text })

it('pipe draws, and stays a Stream', () => {
  expect(stream.pipe()).toBe(stream)
  const piped = stream.pipe(
    filter(() => true),
    filter(() => false),
  )
  expect([piped instanceof Stream, isStream(piped), piped.node.parents[0]!.parents[0]]).toEqual([true, true, stream.node])
})

it('refuses operators that are not ours, with the way out', () => {
  expect(() => stream.pipe(map(record => record))).toThrow(/RIACHO_RX_OPERATOR.*'t'.*rx\(operator\)/)
  expect(() => stream.pipe(() => of(1))).toThrow(/RIACHO_NOT_A_PLAN.*'t'/)
})

it('holds no records', () => {
  expect(() => stream.subscribe()).toThrow('RIACHO_PLAN_SUBSCRIBED')
  expect(() => stream.forEach()).toThrow('RIACHO_PLAN_SUBSCRIBED')
})
