import { appendFileSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate, writeEvents } from '../../../examples/event-processor/generate.ts'
import { eventOf, recomputeFile } from '../../oracle/event-processor.ts'
import { type Production, type Refused, recomputeProduction } from '../../oracle/production.ts'
import { until } from '../event-processor.fixture.ts'
import { type Check, compareRetryCounts, compareServers, compareTries, meanPauses } from './compare.ts'
import { chooseRefusals, type RefusalPlan } from './refusals.ts'
import { type RunningApp, type System, startSystem } from './system.ts'

/** What is run. */
export interface ProductionPlan extends RefusalPlan {
  readonly events: number
  readonly seed: number
  /** Is told what happens. */
  readonly say: (line: string) => void
}

/** What came of it. */
export interface ProductionResult {
  readonly checks: readonly Check[]
  /** Mean milliseconds before each try again, by system. */
  readonly pauses: { readonly [system in keyof Refused]: readonly number[] }
}

const readLimitMs = 300_000
const limitMs = 3_600_000
const arrivalLimitMs = 60_000

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
const megabytes = (bytes: number): string => `${(bytes / (1 << 20)).toFixed(0)} MB`

/** Events from a file through Kafka Connect, Kafka and the event processor into Cassandra, DynamoDB and SQS, some of them refused; compared with a recomputation from the file. */
export async function runProduction({ events, seed, say, ...refusals }: ProductionPlan): Promise<ProductionResult> {
  const folder = mkdtempSync(join(tmpdir(), 'riacho-production-'))
  const eventsFile = join(folder, 'events.txt')
  writeEvents(eventsFile, { events, seed, late: true })
  const refused = chooseRefusals(recomputeFile(eventsFile).rows.keys(), refusals)
  say('starting the servers …')
  const system = await startSystem(folder, refused)
  try {
    const app = await system.startApp()
    await measureThroughput(system, app, events, say)
    const [appended] = generate({ events: 1, seed: seed + 1 })
    await measureArrival(system, app, appended!, say)
    const [recoveries] = await Promise.all([app.metric('riacho_recoveries_total'), app.stop()])
    say(
      `memory ${megabytes(app.memory.first)} at the start, ${megabytes(app.memory.most)} at most; ${recoveries} times back to the last commit`,
    )
    const expected = recomputeProduction(recomputeFile(eventsFile), refused)
    const pauses = { stored: meanPauses(system.refusers.stored), queued: meanPauses(system.refusers.queued) }
    return { checks: await compared(system, expected), pauses }
  } finally {
    await system.stop()
  }
}

async function measureThroughput(system: System, app: RunningApp, events: number, say: (line: string) => void): Promise<void> {
  const began = performance.now()
  await system.applySource()
  const alive = (): true => {
    if (app.started.child.exitCode !== null) throw new Error(`the application ended: ${app.started.text.error}`)
    return true
  }
  await until(async () => alive() && (await system.outside.linesRead()) >= events, 'Connect has read the file', readLimitMs, 200)
  say(`Connect had handed on ${events} lines after ${seconds(performance.now() - began)}`)
  await until(async () => alive() && (await system.outside.isDone()), 'everything is processed', limitMs, 200)
  const took = performance.now() - began
  say(`${events} events in ${seconds(took)}: ${Math.round(events / (took / 1000))} events/s`)
}

async function measureArrival(
  { outside, eventsFile, refusers }: System,
  app: RunningApp,
  line: Buffer,
  say: (line: string) => void,
): Promise<void> {
  const { event } = eventOf(line)!
  const { uid } = event
  const began = performance.now()
  appendFileSync(eventsFile, `${line}\n`)
  await until(() => outside.isStored(uid), 'the appended line is stored', arrivalLimitMs)
  const stored = performance.now() - began
  await until(() => refusers.queued.tries.has(uid), 'the appended line is sent to its queue', arrivalLimitMs)
  const sent = refusers.queued.tries.get(uid)![0]!.at - began
  say(`an appended line: stored after ${seconds(stored)}, on its way to the queue after ${seconds(sent)}`)
  await until(() => outside.isDone(), 'the appended line is committed', arrivalLimitMs)
  if (app.started.child.exitCode !== null) throw new Error(`the application ended: ${app.started.text.error}`)
}

async function compared({ outside, receiver, refusers }: System, expected: Production): Promise<readonly Check[]> {
  return [
    ...(await compareServers(outside, await receiver.messages(), expected)),
    ...compareTries('stored', refusers.stored, expected.tries.stored),
    ...compareTries('queued', refusers.queued, expected.tries.queued),
    compareRetryCounts(refusers.queued, expected.tries.queued),
  ]
}
