import { RiachoError, reasonOf, type Topology } from '@riacho/streams/engine'
import { mayFollow, type State } from './lifecycle.ts'
import { Engine } from './loop/engine.ts'
import type { AppMetrics } from './observe/metrics.ts'
import { type AppOptions, type Settings, settings } from './options.ts'

/** A running topology. */
export interface App {
  readonly state: State
  /** Creates topics, joins, restores. Resolves when it runs; rejects with the reason when it cannot. */
  start(): Promise<void>
  /** Finishes what is in work, commits, leaves the group. */
  stop(): Promise<void>
  /** Resolves when it has stopped, rejects with the error that stopped it. */
  readonly done: Promise<void>
  /** Resolves when all input there is has been processed and committed, also by the other members of the group, except what their connectors hold. */
  untilEnd(): Promise<void>
  /** Milliseconds since a question to the broker that it has not answered yet: it is asked twice a second. */
  readonly unansweredMs: number
  metrics(): AppMetrics
}

/** Makes an application of a topology. Nothing runs before `start()`. */
export function app(topology: Topology, options: AppOptions): App {
  return new Application(topology, settings(options))
}

/** Longest wait for input before the loop looks at its clock again. */
const pollMs = 50
/** How often the lag is asked for. */
const lagMs = 500

class Application implements App {
  readonly done: Promise<void>
  readonly #engine: Engine
  readonly #settings: Settings
  #state: State = 'CREATED'
  #work: { run: () => Promise<void>; resolve: () => void; reject: (error: unknown) => void }[] = []
  #looping = false
  #stopping = false
  /** It closes: whoever wants something of it between two steps comes too late. */
  #closing = false
  /** The last of what runs one after the other before the loop does. */
  #before: Promise<unknown> = Promise.resolve()
  #settle!: { resolve: () => void; reject: (error: unknown) => void }
  #lag: AppMetrics['lag'] = []
  readonly #over = new AbortController()
  /** Since when the broker has been asked in vain. */
  #unanswered: number | undefined

  constructor(topology: Topology, all: Settings) {
    this.#settings = all
    this.#engine = new Engine(topology, all)
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    this.done.catch(() => {})
  }

  get state(): State {
    return this.#state
  }

  async start(): Promise<void> {
    if (this.#state !== 'CREATED')
      throw new RiachoError('RIACHO_STATE', `an application starts once; this one is ${this.#state}: make another`)
    this.#enter('REBALANCING')
    try {
      await this.#engine.join(
        work => this.#between(work),
        error => this.#settings.log({ level: 'warn', message: 'partitions lost', reason: String(error) }),
      )
      await this.#quiet()
    } catch (error) {
      await this.#failed(error)
      throw error
    }
    if (this.#stopping) {
      await this.#finished()
      throw new RiachoError('RIACHO_STATE', 'the application was stopped while it started')
    }
    this.#enter('RUNNING')
    void this.#loop()
    void this.#askForLag()
  }

  async stop(): Promise<void> {
    this.#stopping = true
    this.#engine.halt()
    if (this.#state === 'CREATED') await this.#finished()
    await this.done
  }

  async untilEnd(): Promise<void> {
    if (this.#state === 'CREATED') throw new RiachoError('RIACHO_STATE', 'nothing runs whose end could come: start() the application first')
    for (;;) {
      let ended = false
      // While it starts there are no tasks yet, and so nothing that says that there is input.
      const starting = this.#state === 'REBALANCING'
      const look = this.#between(async () => {
        await this.#engine.commitDue(true)
        ended = !starting && (await this.#allAtEnd())
      })
      await Promise.race([look, this.done])
      if (ended) return
      if (this.#state !== 'RUNNING' && this.#state !== 'REBALANCING') return this.done
      await this.#settings.clock.sleep(20)
    }
  }

  /** What others write while they come to their end may be for this member, and the other way round: so nothing may have come while they were asked. */
  async #allAtEnd(): Promise<boolean> {
    const engine = this.#engine
    if (!(await engine.atEnd())) return false
    const { recordsIn } = engine.counters
    return (await engine.othersAtEnd()) && (await engine.atEnd()) && engine.counters.recordsIn === recordsIn
  }

  get unansweredMs(): number {
    return this.#unanswered === undefined ? 0 : this.#settings.clock.now() - this.#unanswered
  }

  metrics(): AppMetrics {
    const { counters, tasks } = this.#engine
    return {
      state: this.#state,
      recordsIn: counters.recordsIn,
      recordsOut: counters.recordsOut,
      deadLetters: counters.deadLetters,
      deadLettersByTopic: { ...counters.deadLettersByTopic },
      dropped: { ...counters.dropped },
      commits: counters.commits,
      commitSeconds: counters.commitSeconds,
      recoveries: counters.recoveries,
      held: tasks.reduce((sum, task) => sum + task.held, 0),
      bufferedBytes: this.#engine.bufferedBytes,
      lag: this.#lag,
      nodes: counters.nodes,
    }
  }

  /** Runs `work` between two steps of the loop; before the loop runs, after what came before it; not at all once it closes. */
  #between(work: () => Promise<void>): Promise<void> {
    if (this.#closing) return Promise.resolve()
    if (!this.#looping) {
      const run = this.#before.then(work)
      run.catch(() => {})
      this.#before = run
      return run
    }
    return new Promise((resolve, reject) => {
      this.#work.push({ run: work, resolve, reject })
      this.#engine.wake()
    })
  }

  /** Waits until nothing runs that came before the loop; from then on what comes waits for its steps: nothing may be fed while a task is committed or opened. What fails there fails the application. */
  async #quiet(): Promise<void> {
    for (let last: Promise<unknown> | undefined; last !== this.#before; ) {
      last = this.#before
      await last
    }
    this.#looping = true
  }

  async #loop(): Promise<void> {
    const engine = this.#engine
    try {
      let busy = false
      while (!this.#stopping) {
        await this.#betweens()
        await engine.fetch(busy ? 0 : pollMs)
        const taken = engine.process(1000, performance.now() + this.#settings.limits.turnMs)
        engine.punctuate()
        if (engine.failure !== undefined) throw engine.failure
        await engine.commitDue(false)
        void engine.purge()
        busy = taken > 0
        // Promises of stages, timers and sockets come to their turn.
        if (busy) await new Promise(resolve => setImmediate(resolve))
      }
      await this.#finished()
    } catch (error) {
      await this.#failed(error)
    }
  }

  async #betweens(): Promise<void> {
    for (let work = this.#work.shift(); work !== undefined; work = this.#work.shift()) {
      try {
        await work.run()
        work.resolve()
      } catch (error) {
        work.reject(error)
        throw error
      }
    }
  }

  /** Asks for the lag now and then, beside the loop, which may wait for a commit: so it tells whether the broker is there, too. */
  async #askForLag(): Promise<void> {
    const { clock, log } = this.#settings
    for (const { signal } = this.#over; !signal.aborted; await clock.sleep(lagMs, signal)) {
      this.#unanswered ??= clock.now()
      try {
        this.#lag = await this.#engine.lag()
        this.#unanswered = undefined
      } catch (error) {
        // A number that nobody needs to go on. What is truly broken fails where it is used.
        log({ level: 'debug', message: `the lag could not be asked for: ${reasonOf(error)}` })
      }
    }
  }

  async #finished(): Promise<void> {
    this.#enter('PENDING_SHUTDOWN')
    try {
      await this.#betweens()
      this.#engine.forgetStarts()
      await this.#engine.commitDue(true)
      this.#close()
      // What came during the last commit, such as partitions to give up, is done with it.
      for (const work of this.#work.splice(0)) work.resolve()
      await this.#engine.close()
    } catch (error) {
      return this.#failed(error)
    }
    this.#enter('NOT_RUNNING')
    this.#settle.resolve()
  }

  #close(): void {
    this.#over.abort()
    this.#looping = false
    this.#closing = true
  }

  /** The reason is told once, by `start()` or `done`: whoever awaits them says it. */
  async #failed(error: unknown): Promise<void> {
    this.#close()
    this.#enter('PENDING_ERROR')
    for (const work of this.#work.splice(0)) work.reject(error)
    await this.#engine.close().catch(() => {})
    this.#enter('ERROR')
    this.#settle.reject(error)
  }

  #enter(state: State): void {
    if (!mayFollow(this.#state, state))
      throw new RiachoError('RIACHO_STATE', `from ${this.#state} to ${state} is no way that an application goes`)
    this.#state = state
    this.#settings.log({ level: 'info', message: `state ${state}`, state })
  }
}
