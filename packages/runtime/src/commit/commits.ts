import { BrokerError, type Membership, reasonOf, type Topology } from '@riacho/streams/engine'
import type { Counters } from '../observe/counters.ts'
import type { Settings } from '../options.ts'
import type { OpenTask } from '../task/open.ts'
import { type CommitContext, commit, commitStart, DrainTimeout } from './commit.ts'
import { HeldLimits } from './held-limits.ts'
import { throwLasting } from './lasting.ts'

/** What the commits of a member need. */
export interface CommitsHome {
  readonly plan: Topology
  readonly settings: Settings
  readonly counters: Counters
  member(): Membership
}

/** What came of a step towards a commit: 'fenced' when a newer producer or member has taken over. */
export type Outcome = 'committed' | 'aborted' | 'unknown' | 'fenced'

/** Commits of a task that may fail in a row before the application stops. */
const failedCommitsMax = 5

/** Commits tasks, and says what came of it. Unless it is 'committed', a task must be closed, or go back to its last commit. */
export class Commits {
  readonly #home: CommitsHome
  /** Commits that failed in a row, by task. */
  readonly #failures = new Map<string, number>()
  readonly #heldLimits = new HeldLimits()

  constructor(home: CommitsHome) {
    this.#home = home
  }

  /** Most records that the asynchronous stages of a task may hold. */
  heldMax(taskId: string): number {
    return this.#heldLimits.of(taskId)
  }

  /** Commits tasks at the same time; their outcomes in the same order. When all are done it throws the first failure that nothing can mend. */
  async all(tasks: readonly OpenTask[], drainMs: number): Promise<readonly Outcome[]> {
    const done = await Promise.allSettled(tasks.map(open => this.#commit(open, drainMs)))
    return done.map(result => {
      if (result.status === 'rejected') throw result.reason
      return result.value
    })
  }

  /** Counts the start of a task ({@link commitStart}). */
  start(open: OpenTask): Promise<Outcome> {
    return this.#tried(open, async () => {
      await commitStart(open.task, this.#context(open, 0))
      open.task.guard!.counted = true
    })
  }

  /** Sends what a task has written so far, ahead of its commit. */
  async flush(open: OpenTask): Promise<Outcome> {
    const outcome = await this.#tried(open, () => open.task.producer.flush())
    // What the broker took of it nobody knows.
    return outcome === 'aborted' ? 'unknown' : outcome
  }

  async #commit(open: OpenTask, drainMs: number): Promise<Outcome> {
    const { task } = open
    const { clock, exactlyOnce, limits, log } = this.#home.settings
    const { counters } = this.#home
    const began = performance.now()
    const asked = clock.now()
    const limit = exactlyOnce ? Math.min(drainMs, limits.transactionTimeoutMs / 3) : drainMs
    const outcome = await this.#tried(open, () => commit(task, this.#context(open, limit)))
    if (outcome !== 'committed') return outcome
    this.#failures.delete(task.id)
    const seconds = (performance.now() - began) / 1000
    task.lastCommit = clock.now()
    this.#heldLimits.done(task.id, task.lastCommit - asked, limit)
    task.heldMax = this.#heldLimits.of(task.id)
    counters.commits++
    counters.commitSeconds += seconds
    log({ level: 'debug', message: 'committed', task: task.id, seconds })
    return 'committed'
  }

  #context({ readers }: OpenTask, drainMs: number): CommitContext {
    const { plan, settings, member } = this.#home
    return { plan, settings, member: member(), connectors: readers, drainMs }
  }

  /** Runs a step of a task towards its commit. A failure that going back can mend is an answer, up to `failedCommitsMax` in a row; others are thrown. */
  async #tried({ task }: OpenTask, step: () => Promise<void>): Promise<Outcome> {
    const { exactlyOnce, log } = this.#home.settings
    try {
      await step()
      return 'committed'
    } catch (error) {
      await throwLasting(error, this.#home.settings.broker)
      const known = error instanceof DrainTimeout || (exactlyOnce && error instanceof BrokerError && error.abortable)
      if (!known && !(error instanceof BrokerError && (error.retriable || error.abortable || error.fenced))) throw error
      if (error instanceof DrainTimeout) this.#heldLimits.late(task.id, error.finished)
      const failures = (this.#failures.get(task.id) ?? 0) + (error instanceof DrainTimeout ? 0 : 1)
      if (failures > failedCommitsMax) throw error
      this.#failures.set(task.id, failures)
      const fenced = error instanceof BrokerError && error.fenced
      const message = `commit failed, ${fenced ? 'the member joins its group again' : 'the task goes back to its last one'}: ${reasonOf(error)}`
      log({ level: 'warn', message, task: task.id, failures })
      return fenced ? 'fenced' : known ? 'aborted' : 'unknown'
    }
  }
}
