import { expect, it } from 'vitest'
import { HeldLimits } from './held-limits.ts'

it('a task may hold half of what a late drain has finished, and twice as much after each quick commit', () => {
  const limits = new HeldLimits()
  expect(limits.of('0_0')).toBe(Number.POSITIVE_INFINITY)
  limits.late('0_0', 41)
  expect([limits.of('0_0'), limits.of('0_1')]).toEqual([20, Number.POSITIVE_INFINITY])
  limits.done('0_0', 51, 200)
  expect(limits.of('0_0')).toBe(20)
  limits.done('0_0', 50, 200)
  expect(limits.of('0_0')).toBe(40)
  limits.late('0_0', 1)
  expect(limits.of('0_0')).toBe(1)
  for (let i = 0; i < 30; i++) limits.done('0_0', 0, 200)
  expect(limits.of('0_0')).toBe(Number.POSITIVE_INFINITY)
})

it('nothing that finishes says nothing about how much can', () => {
  const limits = new HeldLimits()
  limits.late('0_0', 0)
  expect(limits.of('0_0')).toBe(Number.POSITIVE_INFINITY)
})
