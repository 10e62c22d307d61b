/** Beyond so many records a limit means nothing any more. */
const forgetAt = 1_000_000

/**
 * How many records each task may hold in asynchronous stages: as many as a commit can wait for. Else a backlog fills a slow stage, no drain ends in time, and the task
 * goes back to its last commit for ever, writing the same records again and again.
 */
export class HeldLimits {
  readonly #limits = new Map<string, number>()

  /** Records that the task may hold; infinite until a drain has run out of time. */
  of(task: string): number {
    return this.#limits.get(task) ?? Number.POSITIVE_INFINITY
  }

  /** A drain ran out of time after `finished` records. When nothing moved, less would not help: what the stage writes to is away. */
  late(task: string, finished: number): void {
    if (finished > 0) this.#limits.set(task, Math.max(1, Math.min(this.of(task), finished >> 1)))
  }

  /** A commit took so many of the milliseconds that it had. */
  done(task: string, took: number, had: number): void {
    const limit = this.#limits.get(task)
    if (limit === undefined || took > had / 4) return
    if (limit < forgetAt) this.#limits.set(task, limit * 2)
    else this.#limits.delete(task)
  }
}
