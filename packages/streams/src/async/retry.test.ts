import { describe, expect, it } from 'vitest'
import { longestRetry, pauseAfter, type Retry } from './retry.ts'

const retry: Retry = { retriesMax: 5, backoff: { min: 100, max: 1000 } }

describe('pauseAfter', () => {
  it('grows within the backoff, and there are retriesMax of them', () => {
    for (let attempts = 1; attempts <= 5; attempts++) {
      const pauses = Array.from({ length: 100 }, () => pauseAfter(retry, attempts, 0)!)
      const most = Math.min(1000, 100 * 2 ** (attempts - 1))
      expect(pauses.every(pause => pause >= 100 && pause <= most)).toBe(true)
      if (attempts > 1) expect(new Set(pauses).size).toBeGreaterThan(50)
    }
    expect(pauseAfter(retry, 6, 0)).toBeUndefined()
    expect(pauseAfter(undefined, 1, 0)).toBeUndefined()
  })

  it('ends at the deadline, which counts what the tries took', () => {
    const short = { retriesMax: 1000, backoff: { min: 100, max: 100 }, deadline: 450 }
    expect([pauseAfter(short, 1, 350), pauseAfter(short, 1, 351)]).toEqual([100, undefined])
  })
})

describe('longestRetry', () => {
  it('sums the pauses, up to the deadline', () => {
    expect(longestRetry(undefined)).toBe(0)
    expect(longestRetry(retry)).toBe(100 + 200 + 400 + 800 + 1000)
    expect(longestRetry({ ...retry, deadline: 2000 })).toBe(2000)
  })
})
