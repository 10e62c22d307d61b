import { describe, expect, it } from 'vitest'
import { SinkError } from '../contract/sink.ts'
import { type Attempt, attempt, longestRetry } from './retry.ts'

const slept: number[] = []
const tried = (answers: (() => string)[], retry = { retriesMax: 5, backoff: { min: 100, max: 1000 } }): Attempt<string> => {
  slept.length = 0
  let call = 0
  return {
    retry,
    timeout: 60_000,
    signal: new AbortController().signal,
    now: () => 7,
    // The try's own limit never comes; pauses between tries are over at once.
    sleep: duration => {
      if (duration === 60_000) return new Promise(() => {})
      slept.push(duration)
      return Promise.resolve()
    },
    run: async () => answers[Math.min(call++, answers.length - 1)]!(),
  }
}
const fail = (error: Error) => () => {
  throw error
}

describe('attempt', () => {
  it('tries retriesMax + 1 times, pausing longer each time within the backoff', async () => {
    const outcome = await attempt(tried([fail(new Error('down'))]))
    expect(outcome).toMatchObject({ kind: 'failed', attempts: 6, firstFailure: 7 })
    expect(slept).toHaveLength(5)
    for (const [i, pause] of slept.entries()) {
      expect(pause).toBeGreaterThanOrEqual(100)
      expect(pause).toBeLessThanOrEqual(Math.min(1000, 100 * 2 ** i))
    }
  })

  it('stops trying when it works, and when trying cannot help', async () => {
    expect(await attempt(tried([fail(new Error('down')), () => 'up']))).toEqual({ kind: 'done', result: 'up' })
    expect(await attempt(tried([fail(new SinkError('permanent', 'no such table'))]))).toMatchObject({ kind: 'failed', attempts: 1 })
  })
})

describe('longestRetry', () => {
  it('sums the pauses', () => {
    expect(longestRetry(undefined)).toBe(0)
    expect(longestRetry({ retriesMax: 5, backoff: { min: 100, max: 1000 } })).toBe(100 + 200 + 400 + 800 + 1000)
  })
})
