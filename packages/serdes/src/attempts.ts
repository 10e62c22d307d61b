import { type Clock, reasonOf } from '@riacho/streams/engine'
import { failure } from './errors.ts'

/** How a call is tried. Times in milliseconds. */
export interface Attempts {
  /** Longest wait for an answer. */
  readonly timeoutMs: number
  /** Tries after the first. */
  readonly retriesMax: number
  readonly backoffMs: { readonly min: number; readonly max: number }
  readonly clock: Clock
  /** Ends waits and tries. */
  readonly signal: AbortSignal
}

/** Exponential with jitter, so that many who wait for one server do not come back together. */
export function pauseAfter(failures: number, { min, max }: Attempts['backoffMs']): number {
  const most = Math.min(max, min * 2 ** Math.min(failures - 1, 30))
  return most / 2 + (Math.random() * most) / 2
}

/** One try, given up after its time. What comes later is nobody's. */
export async function inTime<T>(call: () => Promise<T>, { timeoutMs, clock, signal }: Attempts): Promise<T> {
  const over = new AbortController()
  const late = clock.sleep(timeoutMs, AbortSignal.any([over.signal, signal])).then(() => {
    throw failure('RIACHO_REGISTRY', signal.aborted ? 'the registry was closed' : `no answer within ${timeoutMs} ms`)
  })
  late.catch(() => {})
  try {
    return await Promise.race([call(), late])
  } finally {
    over.abort()
  }
}

/** Whether the registry answered that there is no such thing. */
export const isMissing = (thrown: unknown): boolean => (thrown as { status?: unknown } | null)?.status === 404

/** Whether another try may end otherwise: a refusal stays one. */
const mayPass = (thrown: unknown): boolean => {
  const { status } = thrown as { status?: number }
  // The client gives 400 when there was no answer at all.
  return !(status !== undefined && [401, 403, 404, 405, 409, 422].includes(status))
}

/** Tries until it works, until the registry refuses, or until the retries are used up. Rejects with `RIACHO_REGISTRY`. */
export async function tried<T>(what: string, call: () => Promise<T>, attempts: Attempts): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await inTime(call, attempts)
    } catch (thrown) {
      if (failures > attempts.retriesMax || !mayPass(thrown) || attempts.signal.aborted)
        throw failure('RIACHO_REGISTRY', `${what} failed: ${reasonOf(thrown)}; is the registry's url right, and does it run?`, thrown)
      await attempts.clock.sleep(pauseAfter(failures, attempts.backoffMs), attempts.signal)
    }
  }
}
