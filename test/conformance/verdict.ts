import type { Case } from './case.ts'
import { firstDifference } from './compare.ts'
import { play } from './play.ts'

/** Plays a case: undefined when everything came out as with Kafka Streams, else the first difference, or why the case cannot be played. */
export async function verdictOf(of: Case): Promise<string | undefined> {
  try {
    return firstDifference(of, await play(of))
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
}
