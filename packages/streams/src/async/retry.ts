import { SinkError } from '../contract/sink.ts'
import { RiachoError } from '../errors.ts'

/** How often to try again: `retriesMax: 5` is six tries in all. Waits grow from `min` to `max` milliseconds, with jitter. Default: 100 to 10,000. */
export interface Retry {
  readonly retriesMax: number
  readonly backoff?: { readonly min: number; readonly max: number }
}

const defaultBackoff = { min: 100, max: 10_000 }

/** What the tries need of their stage. */
export interface Attempt<T> {
  readonly retry: Retry
  /** Most milliseconds of one try. */
  readonly timeout: number
  readonly signal: AbortSignal
  /** Epoch milliseconds. */
  now(): number
  sleep(duration: number, signal: AbortSignal): Promise<void>
  run(signal: AbortSignal): Promise<T>
}

/** How tries ended: with a result, given up after so many, or aborted from outside. */
export type Outcome<T> =
  | { readonly kind: 'done'; readonly result: T }
  | { readonly kind: 'failed'; readonly error: unknown; readonly attempts: number; readonly firstFailure: number }
  | { readonly kind: 'aborted' }

/** Tries until it works, until trying again cannot help, or until the retries are used up. */
export async function attempt<T>(a: Attempt<T>): Promise<Outcome<T>> {
  let firstFailure = -1
  for (let attempts = 1; ; attempts++) {
    try {
      return { kind: 'done', result: await limited(a) }
    } catch (error) {
      if (a.signal.aborted) return { kind: 'aborted' }
      if (firstFailure < 0) firstFailure = a.now()
      const hopeless = error instanceof SinkError && error.kind !== 'transient'
      if (hopeless || attempts > a.retry.retriesMax) return { kind: 'failed', error, attempts, firstFailure }
      await a.sleep(pause(a.retry, attempts), a.signal)
      if (a.signal.aborted) return { kind: 'aborted' }
    }
  }
}

/** Most milliseconds that the pauses between the tries take in all. */
export function longestRetry(retry: Retry | undefined): number {
  if (retry === undefined) return 0
  const { min, max } = retry.backoff ?? defaultBackoff
  let sum = 0
  for (let i = 0; i < retry.retriesMax && sum < Number.MAX_SAFE_INTEGER / 2; i++) sum += Math.min(max, min * 2 ** i)
  return sum
}

/** Exponential with full jitter above the least wait, so that many tasks do not come back together. */
function pause({ backoff = defaultBackoff }: Retry, attempts: number): number {
  const most = Math.min(backoff.max, backoff.min * 2 ** (attempts - 1))
  return backoff.min + Math.random() * (most - backoff.min)
}

/** One try: its signal is aborted when time is up or the stage gives up, and its late result is nobody's. */
async function limited<T>(a: Attempt<T>): Promise<T> {
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
async function settled<T>(a: Attempt<T>, work: Promise<T>): Promise<void> {
  const over = new AbortController()
  await Promise.race([work.then(undefined, () => {}), a.sleep(settleMs, over.signal)])
  over.abort()
}
