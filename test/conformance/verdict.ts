import type { StoreSuppliers } from '@riacho/streams/engine'
import type { Case } from './case.ts'
import { firstDifference } from './compare.ts'
import { play } from './play.ts'

/** Seconds after which a case that still plays has failed. */
export const caseSecondsMax = 30

/** Rejects when `work` takes longer than `seconds`. */
export async function within<T>(seconds: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`still running after ${seconds} s`)), seconds * 1000)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Plays a case: undefined when everything came out as with Kafka Streams, else the first difference, or why the case cannot be played. */
export async function verdictOf(of: Case, stores?: StoreSuppliers): Promise<string | undefined> {
  try {
    return firstDifference(of, await within(caseSecondsMax, play(of, stores)))
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
}
