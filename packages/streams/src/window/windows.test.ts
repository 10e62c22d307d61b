import { expect, it } from 'vitest'
import { days, hours, minutes, seconds } from './duration.ts'
import { hopping } from './hopping.ts'
import { sliding } from './sliding.ts'
import { tumbling } from './tumbling.ts'

it('durations are milliseconds', () => {
  expect([seconds(2), minutes(2), hours(2), days(2)]).toEqual([2_000, 120_000, 7_200_000, 172_800_000])
})

it('windows keep rows for size and grace, or longer', () => {
  expect(tumbling(10, { grace: 5 })).toEqual({ kind: 'aligned', size: 10, advance: 10, grace: 5, retention: 15 })
  expect(hopping(10, { advance: 4, grace: 0, retention: 100 })).toEqual({ kind: 'aligned', size: 10, advance: 4, grace: 0, retention: 100 })
  expect(sliding(10, { grace: 5 })).toEqual({ kind: 'sliding', difference: 10, grace: 5, retention: 25 })
  expect(Object.isFrozen(tumbling(10, { grace: 5 }))).toBe(true)
})

it.each([
  ['size', () => tumbling(0, { grace: 0 })],
  ['size', () => tumbling(1.5, { grace: 0 })],
  ['advance', () => hopping(10, { advance: 11, grace: 0 })],
  ['advance', () => hopping(10, { advance: 0, grace: 0 })],
  ['grace', () => tumbling(10, { grace: -1 })],
  ['grace', () => tumbling(10, { grace: Number.NaN })],
  ['retention', () => tumbling(10, { grace: 5, retention: 14 })],
  ['difference', () => sliding(0, { grace: 0 })],
  ['retention', () => sliding(10, { grace: 5, retention: 24 })],
])('refuses a %s that makes no sense', (what, make) => {
  expect(make).toThrow(new RegExp(`RIACHO_OPTION.*the ${what} is`))
})
