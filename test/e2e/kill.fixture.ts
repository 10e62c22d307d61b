import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { writeEvents } from '../../examples/event-processor/generate.ts'
import { type Ended, example, expected, type Outcome, outcome, rowsStored, type Started, until } from './event-processor.fixture.ts'

/** A run to be killed. Times in milliseconds. */
export interface KillPlan {
  readonly events: number
  /** Lines a second of the run that is killed. */
  readonly rate: number
  /** From the moment at which it runs to its kill. */
  readonly after: number
  readonly seed: number
}

/** What came of it. */
export interface KillResult {
  /** Rows stored at the kill, of the rows that there are in the end. */
  readonly share: number
  /** What differs from the recomputation: at the kill what should not be there, after the second run anything. */
  readonly differences: readonly string[]
}

const parts = ['rows', 'invalid', 'queues', 'counts'] as const

/** The first difference of each part; none when all is as it should be. */
export function differences(found: Outcome, wanted: Outcome): readonly string[] {
  return parts.flatMap(part => {
    if (isDeepStrictEqual(found[part], wanted[part])) return []
    const [is, should] = [Object.entries(found[part]), new Map<string, unknown>(Object.entries(wanted[part]))]
    const [name, value] = is.find(([key, one]) => !isDeepStrictEqual(one, should.get(key))) ?? ['', undefined]
    const sizes = `${is.length} instead of ${should.size}`
    return [`${part}: ${sizes}; ${name}: ${short(value)} instead of ${short(should.get(name))}`]
  })
}

const short = (value: unknown): string => `${JSON.stringify(value)}`.slice(0, 200)

/** What a killed run may have left: rows that the end has too, and the beginnings of the topics. Counts may be on their way up. */
function tooMuch(found: Outcome, wanted: Outcome): readonly string[] {
  const wrong = Object.entries(found.rows).filter(([uid, row]) => !isDeepStrictEqual(row, wanted.rows[uid]))
  const queues = Object.entries(found.queues).filter(([client, events]) => !isBeginning(events, wanted.queues[client] ?? []))
  const counts = Object.entries(found.counts).filter(([key, count]) => !(count <= (wanted.counts[key] ?? 0)))
  return [
    ...wrong.map(([uid]) => `at the kill: row ${uid} is not as it should be`),
    ...queues.map(([client]) => `at the kill: ${client}.fifo is no beginning of what it should be`),
    ...counts.map(([key]) => `at the kill: count ${key} is too high`),
    ...(isBeginning(found.invalid, wanted.invalid) ? [] : ['at the kill: dead letters are no beginning of what they should be']),
  ]
}

const isBeginning = (some: readonly unknown[], all: readonly unknown[]): boolean => isDeepStrictEqual(some, all.slice(0, some.length))

/** A directory of its own, with events that have late ones among them. */
export function eventsDirectory(events: number, seed: number, late = true): string {
  const directory = join(mkdtempSync(join(tmpdir(), 'riacho-e2e-')), 'data')
  mkdirSync(directory)
  writeEvents(join(directory, 'events.txt'), { events, seed, late })
  return directory
}

/** Removes what `eventsDirectory` made. */
export const removeEvents = (directory: string): void => rmSync(join(directory, '..'), { recursive: true, force: true })

/** The example, once it has said that it runs. */
export async function running(started: Started): Promise<Started> {
  await until(() => started.text.out.includes('health/ready') || started.child.exitCode !== null, 'the example runs', 20_000)
  if (started.child.exitCode !== null) throw new Error(`the example ended with ${started.child.exitCode}: ${started.text.error}`)
  return started
}

/** Lines that come late together, and as many in time between them. */
const burst = 40
/** Milliseconds, just beyond the grace: what is much older, a store that was restored would refuse by itself. */
const behind = 6.5 * 60_000

/**
 * Rewrites the file so that every other forty lines are later than the grace allows: wherever a run is killed, the next one is likely to begin with late lines, and
 * then only the stream time that it kept tells that they are late.
 */
function lateInBursts(directory: string): void {
  const path = join(directory, 'events.txt')
  const lines = readFileSync(path, 'latin1').split('\n')
  const later = (line: string): string =>
    line.replace(/"created_at":"(2\d{3}-[^"]+Z)"/, (_, at: string) => `"created_at":"${new Date(Date.parse(at) - behind).toISOString()}"`)
  writeFileSync(path, lines.map((line, i) => (Math.floor(i / burst) % 2 === 1 ? later(line) : line)).join('\n'), 'latin1')
}

/** Starts slowed, kills with SIGKILL, starts again to the end, and compares everything with the recomputation. */
export async function killRun({ events, rate, after, seed }: KillPlan): Promise<KillResult> {
  const directory = eventsDirectory(events, seed)
  try {
    lateInBursts(directory)
    // Without --until-end, which commits all the time: so the kill meets commits as far apart as they are in earnest.
    const first = await running(example(directory, '--rate', String(rate)))
    await sleep(after)
    first.child.kill('SIGKILL')
    await first.ended
    const wanted = expected(directory)
    const share = rowsStored(directory) / Object.keys(wanted.rows).length
    const atKill = tooMuch(await outcome(directory), wanted)
    ended(await example(directory, '--until-end').ended)
    return { share, differences: [...atKill, ...differences(await outcome(directory), wanted)] }
  } finally {
    removeEvents(directory)
  }
}

function ended({ code, error }: Ended): void {
  if (code !== 0) throw new Error(`the example ended with ${code}: ${error}`)
}
