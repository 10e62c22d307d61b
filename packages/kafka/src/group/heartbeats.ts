import { failureOf } from '../errors.ts'

/** What heartbeats need. */
export interface Beating {
  /** One heartbeat; rejects with what the coordinator answers. */
  readonly beat: () => Promise<void>
  /** Rejects when the member is closed. */
  readonly pause: (milliseconds: number) => Promise<void>
  readonly intervalMs: number
}

/**
 * Tells the coordinator, again and again, that a member of one generation is there: also while the group rebalances, until the member has joined again, because what it gives
 * up may take longer than a session.
 */
export class Heartbeats {
  /** Rejects when the coordinator does not know the member any more, or not in this generation. */
  readonly lost: Promise<never>
  /** Resolves when the group rebalances; rejects as `lost` does. */
  readonly rebalancing: Promise<void>
  #stopped = false

  constructor(beating: Beating) {
    const rebalancing = Promise.withResolvers<void>()
    this.lost = this.#run(beating, rebalancing.resolve)
    this.rebalancing = Promise.race([rebalancing.promise, this.lost])
    // Whoever awaits them still sees it.
    for (const outcome of [this.lost, this.rebalancing]) outcome.catch(() => {})
  }

  /** An answer that comes later counts no more. */
  stop(): void {
    this.#stopped = true
  }

  async #run({ beat, pause, intervalMs }: Beating, rebalances: () => void): Promise<never> {
    for (;;) {
      await pause(intervalMs)
      if (this.#stopped) return new Promise(() => {})
      const failure = await beat().then(() => undefined, failureOf)
      if (this.#stopped) return new Promise(() => {})
      if (failure?.code === 'REBALANCE_IN_PROGRESS') rebalances()
      else if (failure !== undefined && !failure.retriable) throw failure
    }
  }
}
