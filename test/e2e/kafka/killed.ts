import { setTimeout as sleep } from 'node:timers/promises'
import type { Events, EventsOptions } from './events.ts'

/** An application that is killed again and again. */
export interface KillPlan {
  /** Written in as many parts as there are lives, so that each life has work. */
  readonly events: number
  readonly kills: number
  readonly seed: number
}

/** What came of it. */
export interface KillResult {
  /** What differs from the recomputation in the end. */
  readonly differences: readonly string[]
  /** Kills that met the application with work left. */
  readonly unfinished: number
  /** Milliseconds between the first sign of work and the kill. */
  readonly after: readonly number[]
}

/** Most milliseconds from an application's first commit to its kill. */
const afterMax = 400

/** Kills the application with -9 at random moments, lets it run to its end, and compares what it wrote with the recomputation. */
export async function killed(events: Events, options: EventsOptions, { events: total, kills, seed }: KillPlan): Promise<KillResult> {
  await events.create()
  const random = randomOf(seed)
  let unfinished = 0
  const after: number[] = []
  for (let kill = 0; kill < kills; kill++) {
    const before = (await events.valuesOf(events.names.counts)).length
    await events.write(Math.floor(total / kills))
    const started = events.start(options)
    await events.committed(started, before)
    after.push(Math.round(random() ** 2 * afterMax))
    await sleep(after.at(-1))
    started.child.kill('SIGKILL')
    const { code, error } = await started.ended
    if (code !== null) throw new Error(`the application ended by itself with ${code}: ${error}`)
    if ((await events.valuesOf(events.names.counts)).length < events.written * 0.99) unfinished++
  }
  const { code, error } = await events.start(options, '--until-end').ended
  if (code !== 0) throw new Error(`the application ended with ${code}: ${error}`)
  return { differences: await events.differences(options.guarantee), unfinished, after }
}

/** Mulberry32: the same numbers for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
