import { appendFileSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { generate } from '../../../examples/event-processor/generate.ts'
import { recomputeFile } from '../../oracle/event-processor.ts'
import { type Refused, recomputeProduction } from '../../oracle/production.ts'
import { until } from '../event-processor.fixture.ts'
import { type Check, compareServers } from './compare.ts'
import { type RunningApp, type System, startSystem } from './system.ts'

/** A fault: what goes wrong while events come in, and how it is mended. */
export interface Fault {
  readonly name: string
  /** Nothing goes wrong: the process gets warm, and may grow. */
  readonly warming?: boolean
  /** Begins it. Returns what ends it. */
  begin(system: System): Promise<(watch: CommitWatch) => Promise<void>>
}

/** What a fault has led to. */
export interface FaultResult {
  readonly checks: readonly Check[]
  /** Milliseconds from the end of the fault until everything was processed. */
  readonly caughtUpAfter: number
  /** Bytes that the process had more in memory, at most. */
  readonly growth: number
  /** How often commits were looked at so far, and how many events they had covered. */
  readonly looks: number
  readonly verified: number
}

const nobody: Refused = { stored: new Map(), queued: new Map() }
const lookEveryMs = 1000
const catchUpLimitMs = 300_000
const growthMax = 64 << 20

/** Looks every second what is committed, and whether all events below are stored, as soon as Cassandra can be asked. */
export class CommitWatch {
  /** Events below a committed offset that were not stored. */
  readonly passed: string[] = []
  looks = 0
  /** Events that were committed and are stored, or have passed. */
  verified = 0
  readonly #system: System
  /** By offset. */
  readonly #uids: string[] = []
  readonly #unfollow: () => Promise<void>
  readonly #timer: NodeJS.Timeout
  #committed = 0
  #verifying: Promise<void> | undefined

  constructor(system: System) {
    this.#system = system
    this.#unfollow = system.outside.follow((offset, uid) => {
      this.#uids[offset] = uid
    })
    this.#timer = setInterval(() => void this.look().catch(() => {}), lookEveryMs)
  }

  /** The commit first: what it covers was written before. Rejects while Cassandra cannot be asked. */
  async look(): Promise<void> {
    this.#committed = Math.max(this.#committed, await this.#system.outside.committed())
    this.looks++
    await this.verify()
  }

  /** Rejects while Cassandra cannot be asked. */
  async verify(): Promise<void> {
    this.#verifying ??= this.#verify().finally(() => {
      this.#verifying = undefined
    })
    await this.#verifying
  }

  async #verify(): Promise<void> {
    for (;;) {
      const to = Math.min(this.verified + 100, this.#committed, this.#uids.length)
      if (to <= this.verified) return
      // Where no event is, a transaction ended.
      const uids = this.#uids.slice(this.verified, to).filter(uid => uid !== undefined)
      const stored = await Promise.all(uids.map(uid => this.#system.outside.isStored(uid)))
      this.passed.push(...uids.filter((_, i) => !stored[i]))
      this.verified = to
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#verifying?.catch(() => {})
    await this.#unfollow()
  }
}

/** The event processor under faults, one after the other, in one process of it. */
export class Trial {
  readonly #system: System
  readonly #app: RunningApp
  readonly #lines: Iterator<Buffer>
  readonly #watch: CommitWatch

  private constructor(system: System, app: RunningApp) {
    this.#system = system
    this.#app = app
    this.#lines = generate({ events: Number.MAX_SAFE_INTEGER, seed: 3, late: true })
    this.#watch = new CommitWatch(system)
  }

  static async start(): Promise<Trial> {
    const folder = mkdtempSync(join(tmpdir(), 'riacho-faults-'))
    const system = await startSystem(folder, nobody)
    writeFileSync(system.eventsFile, '')
    const app = await system.startApp()
    await system.applySource()
    return new Trial(system, app)
  }

  /** Appends so many events a second for a time, while a fault lasts, and compares everything after it. */
  async run(fault: Fault, load: { readonly seconds: number; readonly rate: number }): Promise<FaultResult> {
    const { memory } = this.#app
    const before = memory.most
    await this.#append(load.rate)
    const end = await fault.begin(this.#system)
    for (let second = 0; second < load.seconds; second++) {
      await this.#append(load.rate)
      await sleep(1000)
    }
    await end(this.#watch)
    const ended = performance.now()
    await this.#append(load.rate)
    const { lines } = recomputeFile(this.#system.eventsFile)
    await until(() => this.#isDone(lines), 'everything is processed', catchUpLimitMs, 200)
    const caughtUpAfter = performance.now() - ended
    await this.#watch.look()
    const growth = Math.max(0, memory.most - before)
    const checks = [
      ...(await this.#compared()),
      { name: 'no commit past an event that is not stored', wrong: this.#watch.passed.join() || undefined },
      { name: 'memory grows under 64 MB', wrong: fault.warming || growth < growthMax ? undefined : `${growth >> 20} MB` },
    ]
    return { checks, caughtUpAfter, growth, looks: this.#watch.looks, verified: this.#watch.verified }
  }

  /** Ends the application, and does something with what is left. */
  async withoutApp<T>(work: (system: System) => Promise<T>): Promise<T> {
    await this.#app.stop()
    return work(this.#system)
  }

  async stop(): Promise<void> {
    await this.#watch.close()
    await this.#system.stop()
  }

  async #append(count: number): Promise<void> {
    const lines = Array.from({ length: count }, () => `${this.#lines.next().value}\n`)
    appendFileSync(this.#system.eventsFile, lines.join(''))
  }

  async #isDone(lines: number): Promise<boolean> {
    if (this.#app.started.child.exitCode !== null) throw new Error(`the application ended: ${this.#app.started.text.error}`)
    return (await this.#system.outside.linesRead()) >= lines && (await this.#system.outside.isDone())
  }

  async #compared(): Promise<readonly Check[]> {
    const { outside, receiver, eventsFile } = this.#system
    return compareServers(outside, await receiver.messages(), recomputeProduction(recomputeFile(eventsFile), nobody))
  }
}
