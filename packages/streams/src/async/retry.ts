import type { StreamRecord } from '../contract/record.ts'
import { RiachoError } from '../errors.ts'
import { retryCount } from '../wire/dead-letter.ts'

/**
 * How often to try again: `retriesMax: 5` is six tries in all. Waits grow from `min` to `max` milliseconds, with jitter. Default: 100 to 10,000. `deadline`: no try begins when
 * the tries and the waits between them have taken so many milliseconds. From its second try on a record has the header `RetryCount`.
 */
export interface Retry {
  readonly retriesMax: number
  readonly backoff?: { readonly min: number; readonly max: number }
  readonly deadline?: number
  /** The last retries wait in topics instead, where they hold up nothing. Default: all wait in place, and the later records of their key with them. */
  readonly topics?: RetryTopics
}

/**
 * Retries that wait in topics of the application: `<application>-<name>-retry-1` and so on, one for each delay. `retriesMax: 5` with three delays is three tries in place, as
 * `backoff` and `deadline` say, and then one after each delay. Later records of the key pass what waits, which is late for windows and joins after the stage. Keys
 * need a serde; values without one are written as JSON.
 */
export interface RetryTopics {
  /** Part of the topics' names. */
  readonly name: string
  /** Milliseconds, of one retry each, at most `retriesMax` of them. With none there is still a topic, for `riacho dlq replay --into-stage`. */
  readonly delays: readonly number[]
}

/** The retries that wait in place. */
export const inPlace = (retry: Retry | undefined): Retry | undefined =>
  retry?.topics === undefined ? retry : { ...retry, retriesMax: retry.retriesMax - retry.topics.delays.length }

const defaultBackoff = { min: 100, max: 10_000 }

/** The record as its next try is shown it. */
export function counted<R extends StreamRecord<unknown, unknown>>(record: R, retries: number): R {
  const others = record.headers.filter(([name]) => name !== retryCount)
  return { ...record, headers: [...others, [retryCount, Buffer.from(String(retries))]] }
}

/** What one try needs of its stage. */
export interface Try<T> {
  /** Most milliseconds. */
  readonly timeout: number
  readonly signal: AbortSignal
  sleep(duration: number, signal: AbortSignal): Promise<void>
  run(signal: AbortSignal): Promise<T>
}

/** Milliseconds to wait after so many tries that have taken `spent`, or undefined when there is none left. */
export function pauseAfter(retry: Retry | undefined, attempts: number, spent: number): number | undefined {
  if (retry === undefined || attempts > retry.retriesMax) return undefined
  const wait = pause(retry, attempts)
  return spent + wait > (retry.deadline ?? Number.POSITIVE_INFINITY) ? undefined : wait
}

/** Most milliseconds that the pauses between the tries in place take in all. */
export function longestRetry(retry: Retry | undefined): number {
  if (retry === undefined) return 0
  const { min, max } = retry.backoff ?? defaultBackoff
  let sum = 0
  for (let i = 0; i < retry.retriesMax && sum < Number.MAX_SAFE_INTEGER / 2; i++) sum += Math.min(max, min * 2 ** i)
  return Math.min(sum, retry.deadline ?? sum)
}

/** Exponential with full jitter above the least wait, so that many tasks do not come back together. */
function pause({ backoff = defaultBackoff }: Retry, attempts: number): number {
  const most = Math.min(backoff.max, backoff.min * 2 ** (attempts - 1))
  return backoff.min + Math.random() * (most - backoff.min)
}

/** One try: its signal is aborted when time is up or the stage gives up, and its late result is nobody's. */
export async function tryOnce<T>(a: Try<T>): Promise<T> {
  const own = new AbortController()
  const signal = AbortSignal.any([a.signal, own.signal])
  const timer = new AbortController()
  const late = a.sleep(a.timeout, AbortSignal.any([timer.signal, a.signal])).then(() => {
    if (timer.signal.aborted) return undefined as never
    own.abort()
    throw new RiachoError('RIACHO_ASYNC_LIMIT', `no answer within ${a.timeout} ms: raise { timeout } or mend what is slow`)
  })
  let ended = false
  const work = a.run(signal).finally(() => {
    ended = true
  })
  try {
    return await Promise.race([work, late])
  } catch (error) {
    if (!ended) await settled(a, work)
    throw error
  } finally {
    timer.abort()
  }
}

/** Longest wait for work that was given up to end: what it still writes must not meet the next try. */
const settleMs = 1000

/** Waits until work has ended, one way or the other, or has had its time. */
async function settled<T>(a: Try<T>, work: Promise<T>): Promise<void> {
  const over = new AbortController()
  await Promise.race([work.then(undefined, () => {}), a.sleep(settleMs, over.signal)])
  over.abort()
}
