import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Broker } from '@riacho/streams/engine'
import type { KafkaServer } from '../../servers/kafka.ts'
import { type Started, until } from '../event-processor.fixture.ts'
import { Events, type EventsOptions } from './events.ts'

/** A broker that is killed while an application runs, and comes back. Times in milliseconds. */
export interface OutagePlan extends Omit<EventsOptions, 'address'> {
  /** How long it is away. */
  readonly awayMs: number
  /** How long the application has worked before. */
  readonly warmMs: number
  readonly eventsPerSecond: number
}

/** What came of it. */
export interface OutageResult {
  /** What differs from the recomputation in the end. */
  readonly differences: readonly string[]
  /** How the application ended when it was told to. */
  readonly code: number | null
  readonly error: string
  /** Bytes of its resident memory: the most before, and the most from the outage on. */
  readonly memory: { readonly before: number; readonly after: number }
  /** Milliseconds from the kill until its health said that it is not ready; undefined if it never did. */
  readonly notReadyAfter: number | undefined
  /** Milliseconds from the broker's return until its health said that it is ready, and until it committed again. */
  readonly readyAfter: number
  readonly committedAfter: number
}

/** Looks at a process from outside, four times a second. */
class Watch {
  memoryMax = 0
  ready = false
  readonly #timer: NodeJS.Timeout
  readonly #started: Started

  constructor(started: Started) {
    this.#started = started
    this.#timer = setInterval(() => this.#look().catch(() => {}), 250)
  }

  /** A process that has just ended has nothing to look at. */
  async #look(): Promise<void> {
    const { child, text } = this.#started
    if (child.exitCode !== null) return
    this.memoryMax = Math.max(this.memoryMax, residentBytes(child.pid!))
    const url = /"url":"([^"]+)"/.exec(text.error)?.[1]
    if (url !== undefined) this.ready = (await fetch(`${url}/health/ready`).catch(() => undefined))?.ok ?? false
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

/** What a process has in memory, as Linux counts it. */
export function residentBytes(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes ?? 0) * 1024
}

/** Kills the only broker with -9 while an application works, starts it again, and compares what the same process has written in the end with the recomputation. */
export async function outage(server: KafkaServer, broker: Broker, run: string, plan: OutagePlan): Promise<OutageResult> {
  const events = new Events(broker, run)
  await events.create()
  const started = events.start({ address: server.address, guarantee: plan.guarantee })
  const watch = new Watch(started)
  const alive = (): void => {
    if (started.child.exitCode !== null) throw new Error(`the application ended with ${started.child.exitCode}: ${started.text.error}`)
  }
  const portion = Math.ceil(plan.eventsPerSecond / 10)
  const writing = async (forMs: number): Promise<void> => {
    for (const end = performance.now() + forMs; performance.now() < end; await sleep(100)) await events.write(portion)
  }
  try {
    await events.write(portion)
    await events.committed(started)
    await writing(plan.warmMs)
    alive()
    const before = watch.memoryMax
    // The last portion is on its way through the application when the broker dies.
    await events.write(portion)
    const killed = performance.now()
    await server.kill()
    let notReadyAfter: number | undefined
    while (performance.now() - killed < plan.awayMs) {
      await sleep(100)
      if (!watch.ready) notReadyAfter ??= performance.now() - killed
    }
    alive()
    await server.restart()
    const back = performance.now()
    const counted = (await events.valuesOf(events.names.counts)).length
    await events.write(portion)
    await until(() => watch.ready || started.child.exitCode !== null, 'the application is ready again', 120_000)
    const readyAfter = performance.now() - back
    await until(
      async () => started.child.exitCode !== null || (await events.valuesOf(events.names.counts)).length > counted,
      'the application commits again',
      120_000,
    )
    const committedAfter = performance.now() - back
    await writing(plan.warmMs / 2)
    const wanted = events.recomputed().updates.length
    await until(
      async () => started.child.exitCode !== null || (await events.valuesOf(events.names.counts)).length >= wanted,
      'the application has counted everything',
      120_000,
    )
    const memory = { before, after: watch.memoryMax }
    alive()
    started.child.kill('SIGTERM')
    const { code, error } = await started.ended
    return { differences: await events.differences(plan.guarantee), code, error, memory, notReadyAfter, readyAfter, committedAfter }
  } finally {
    watch.stop()
    started.child.kill('SIGKILL')
  }
}
