import { expect, it } from 'vitest'
import { Histories } from './histories.ts'

const fill = (histories: Histories<string>, keys: number, from: number, end: number): void => {
  for (let i = 0; i < keys; i++) histories.write(`k${i}`, end).put(from, end, 'v')
  histories.committed()
}

it('lets go of what is over, and only of that', () => {
  const histories = new Histories<string>(80)
  fill(histories, 100, 0, 10)
  fill(histories, 10, 10, 20)
  histories.expire(10)
  expect([histories.size, histories.get('k5')?.asOf(5)?.value]).toEqual([100, 'v'])
  histories.expire(20)
  expect([histories.size, histories.get('k5')?.size, histories.get('k50')]).toEqual([10, 1, undefined])
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

it('puts keys back to the last commit, the new ones too', () => {
  const histories = new Histories<string>(80)
  fill(histories, 1, 0, 10)
  histories.write('k0', 20).put(10, 20, 'w')
  histories.write('k0', 30).put(20, 30, 'x')
  histories.write('new', 20).put(10, 20, 'w')
  expect(histories.uncommitted).toBe(2)
  histories.rollback()
  expect([histories.get('k0')?.size, histories.get('new'), histories.uncommitted]).toEqual([1, undefined, 0])
})
