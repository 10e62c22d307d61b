import { BrokerError, type Clock, reasonOf } from '@riacho/streams/engine'
import type { AppEvent } from '../options.ts'

/** Before another try. */
const pauseMs = 500

/** Bears with a broker that is away, for a limited time (Kafka Streams: `task.timeout.ms`). It is told of once. */
export class Patience {
  readonly #clock: Clock
  readonly #limitMs: number
  readonly #log: (event: AppEvent) => void
  #since: number | undefined

  constructor(clock: Clock, limitMs: number, log: (event: AppEvent) => void) {
    this.#clock = clock
    this.#limitMs = limitMs
    this.#log = log
  }

  /** It has answered. */
  over(): void {
    if (this.#since !== undefined)
      this.#log({ level: 'info', message: 'the broker answers again', afterMs: this.#clock.now() - this.#since })
    this.#since = undefined
  }

  /** Throws what is no failure that passes, and what has lasted for too long. */
  bear(error: unknown, what: string): void {
    if (!(error instanceof BrokerError && error.retriable)) throw error
    const now = this.#clock.now()
    if (this.#since === undefined) this.#log({ level: 'warn', message: `${what}, trying again: ${reasonOf(error)}` })
    this.#since ??= now
    if (now - this.#since > this.#limitMs) throw error
  }

  /** Tries until it works. */
  async until(work: () => Promise<void>, what: string): Promise<void> {
    for (;;) {
      try {
        await work()
        return this.over()
      } catch (error) {
        this.bear(error, what)
        await this.#clock.sleep(pauseMs)
      }
    }
  }
}
