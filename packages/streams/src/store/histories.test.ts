import { expect, it } from 'vitest'
import { Histories } from './histories.ts'

const fill = (histories: Histories<string>, keys: number, from: number, end: number): void => {
  for (let i = 0; i < keys; i++) histories.put(`k${i}`, from, end, 'v', true)
  histories.committed()
}

it('lets go of what is over, and only of that', () => {
  const histories = new Histories<string>(80)
  fill(histories, 100, 0, 10)
  fill(histories, 10, 10, 20)
  histories.expire(10)
  expect([histories.size, histories.get('k5')?.asOf(5)?.value]).toEqual([100, 'v'])
  histories.expire(20)
  expect([histories.size, histories.get('k5')?.asOf(5), histories.get('k5')?.asOf(15)?.value]).toEqual([10, undefined, 'v'])
  histories.expire(30)
  expect(histories.size).toBe(0)
})

it('looks at no key whose versions are not over', () => {
  const histories = new Histories<string>(80)
  fill(histories, 1, 0, 1000)
  const kept = histories.get('k0')!
  let looks = 0
  const trim = kept.trim.bind(kept)
  kept.trim = limit => {
    looks++
    trim(limit)
  }
  histories.expire(900)
  expect(looks).toBe(0)
  histories.expire(1010)
  expect([looks, histories.size]).toEqual([1, 0])
})

it('takes back what was done since the last commit, keys that are new too', () => {
  const histories = new Histories<string>(80)
  fill(histories, 1, 0, 10)
  histories.put('k0', 10, 20, 'w', true)
  histories.put('k0', 5, 10, 'middle', true)
  histories.put('k0', 5, 10, 'other', true)
  histories.endAt('k0', 30, true)
  histories.endAt('new', 20, true)
  expect(histories.uncommitted).toBe(5)
  histories.rollback()
  const kept = histories.get('k0')!
  expect([kept.asOf(7), kept.endOf(0), kept.endOf(10)]).toEqual([{ value: 'v', timestamp: 0 }, 10, Number.POSITIVE_INFINITY])
  expect([histories.get('new'), histories.uncommitted]).toEqual([undefined, 0])
})
