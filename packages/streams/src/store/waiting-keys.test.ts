import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Windowed } from '../contract/record.ts'
import { text } from '../serde/text.ts'
import { sessionKey } from '../wire/session-key.ts'
import { type Keyed, WaitingKeys } from './waiting-keys.ts'

const key = fc.record({ key: fc.constantFrom('', 'a', 'ab'), start: fc.nat(3), end: fc.nat(2) })
const step = fc.record({ key, take: fc.boolean() })
const nameOf = ({ key: inner, start, end }: Windowed<string>): string => `${inner}@${start}-${end}`

it('holds what a plain map by key, start and end holds', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const waiting = new WaitingKeys<Keyed>(sessionKey(text))
      const plain = new Map<string, Keyed>()
      for (const { key: at, take } of steps) {
        const name = nameOf(at)
        const there = plain.get(name)
        expect(waiting.get({ ...at })).toBe(there)
        if (there === undefined && !take) {
          const item = { key: at }
          waiting.add(item)
          plain.set(name, item)
        }
        // One of the same key that is not there itself stays out of it.
        waiting.delete({ key: at })
        if (there !== undefined && take) {
          waiting.delete(there)
          plain.delete(name)
        }
        expect([waiting.size, new Set(waiting)]).toEqual([plain.size, new Set(plain.values())])
      }
    }),
    { numRuns: 200 },
  )
})

it('finds one of many sessions of a key that end together without a look at the others', () => {
  let looks = 0
  const itemOf = (start: number): Keyed => ({
    get key() {
      looks++
      return { key: 'hot', start, end: 10_000 }
    },
  })
  const waiting = new WaitingKeys<Keyed>(sessionKey(text))
  for (let start = 0; start < 10_000; start++) waiting.add(itemOf(start))
  looks = 0
  for (let start = 0; start < 10_000; start++) waiting.get({ key: 'hot', start, end: 10_000 })
  expect(looks).toBeLessThan(100)
})
