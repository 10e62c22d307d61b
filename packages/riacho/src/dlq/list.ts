import type { Broker } from '@riacho/streams/engine'
import { failure } from '../errors.ts'
import { type LetterFilter, readLetters } from './letters.ts'
import { Marks } from './marks.ts'

/** Letters with the same cause. */
export interface LetterGroup {
  readonly code: string
  /** The topic of the records. */
  readonly source: string
  readonly node: string
  readonly letters: number
  /** How many of them were replayed. */
  readonly replayed: number
  /** When the first and the last one were put aside. */
  readonly first: string
  readonly last: string
}

/** Counts the letters of a topic by code, source and stage, the most frequent first. */
export async function listLetters(broker: Broker, topic: string, filter: LetterFilter, signal?: AbortSignal): Promise<LetterGroup[]> {
  const marks = await Marks.read(broker, topic)
  const groups = new Map<
    string,
    { code: string; source: string; node: string; letters: number; replayed: number; times: [number, number] }
  >()
  await readLetters(
    broker,
    topic,
    filter,
    ({ code, topic: source, node, failedAt, at }) => {
      const name = JSON.stringify([code, source, node])
      const group = groups.get(name) ?? { code, source, node, letters: 0, replayed: 0, times: [failedAt, failedAt] }
      groups.set(name, group)
      group.letters++
      if (marks.has(at)) group.replayed++
      group.times = [Math.min(group.times[0], failedAt), Math.max(group.times[1], failedAt)]
      return true
    },
    signal,
  )
  if (signal?.aborted) throw failure('RIACHO_INTERRUPTED', 'stopped before all letters were counted')
  const shown = Array.from(groups.values(), ({ times: [first, last], ...group }) => {
    return { ...group, first: new Date(first).toISOString(), last: new Date(last).toISOString() }
  })
  return shown.sort((a, b) => b.letters - a.letters)
}
