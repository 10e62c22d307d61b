import fc from 'fast-check'
import { expect, it } from 'vitest'
import { TimeIndex } from './time-index.ts'

type Step = { readonly do: 'set' | 'delete' | 'first' | 'last' | 'next'; readonly time: number }
const kinds = ['set', 'set', 'set', 'delete', 'delete', 'first', 'last', 'next'] as const
const step: fc.Arbitrary<Step> = fc.record({ do: fc.constantFrom(...kinds), time: fc.nat(150) })

it('keeps numbers by time as a sorted list does', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), steps => {
      const index = new TimeIndex()
      const naive = new Map<number, number>()
      const sorted = () => [...naive.keys()].sort((a, b) => a - b)
      steps.forEach((step, i) => {
        if (step.do === 'set') {
          index.set(step.time, i)
          naive.set(step.time, i)
        } else if (step.do === 'delete') {
          index.delete(step.time)
          naive.delete(step.time)
        } else if (step.do === 'first') expect(index.first()).toBe(sorted()[0] ?? -1)
        else if (step.do === 'last') expect(index.last()).toBe(sorted().at(-1) ?? -1)
        else expect(index.next(step.time)).toBe(sorted().find(time => time >= step.time) ?? -1)
        expect(index.get(step.time)).toBe(naive.get(step.time) ?? -1)
      })
      expect([index.first(), index.last()]).toEqual([sorted()[0] ?? -1, sorted().at(-1) ?? -1])
    }),
  )
})

it('closes the holes of times that went, wherever they stood', () => {
  const index = new TimeIndex()
  for (let time = 0; time < 1000; time++) index.set(time, time)
  for (let time = 0; time < 1000; time++) if (time % 100 !== 50) index.delete(time)
  expect([index.first(), index.next(51), index.next(951), index.last()]).toEqual([50, 150, -1, 950])
  index.clear()
  expect([index.first(), index.last(), index.get(50)]).toEqual([-1, -1, -1])
})
