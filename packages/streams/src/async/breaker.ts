/** When to leave a failing system alone. */
export interface BreakerOptions {
  /** Pieces of work that fail in a row, none of them twice, before no more begins. Default 5; one is enough when a sink says that its system is away. */
  readonly failures?: number
  /** Milliseconds until one piece of work tries again: `min` at first, twice as long each time it fails, `max` at most. Default 1,000 to 30,000. */
  readonly pause?: { readonly min: number; readonly max: number }
}

/** How a piece of work that a breaker let in ended. 'failed again': as it had before, which says nothing new of the system. 'left': nobody knows. */
export type Ended = 'worked' | 'failed' | 'failed again' | 'away' | 'left'

const failuresDefault = 5
/** Beyond so many openings in a row pauses no longer grow. */
const doublings = 30
const pauseDefault = { min: 1000, max: 30_000 }

/**
 * Keeps work from a system that fails. Closed, all may go in. After failures in a row it is open: nobody may. When its pause is over it is half open: one piece of work
 * goes in, and its end closes it or opens it again. It has no timer: who waits asks again.
 */
export class Breaker {
  readonly #failuresMax: number
  readonly #pause: { readonly min: number; readonly max: number }
  readonly #failed = new Set<unknown>()
  /** Times that it has opened since it was closed. */
  #openings = 0
  #until = 0
  #probe: unknown
  #waiting: (() => void)[] = []

  constructor({ failures = failuresDefault, pause = pauseDefault }: BreakerOptions = {}) {
    this.#failuresMax = failures
    this.#pause = pause
  }

  get isClosed(): boolean {
    return this.#openings === 0
  }

  /** 'half-open' from the moment at which one may try. */
  state(now: number): 'closed' | 'open' | 'half-open' {
    return this.#openings === 0 ? 'closed' : now < this.#until ? 'open' : 'half-open'
  }

  /** Milliseconds to wait before asking again; 0: `work` is in, and its end must be told. */
  enter(work: unknown, now: number): number {
    if (this.#openings === 0) return 0
    if (this.#probe !== undefined) return this.#pause.max
    if (now < this.#until) return this.#until - now
    this.#probe = work
    return 0
  }

  /** Tells how work that came in has ended. */
  leave(work: unknown, ended: Ended, now: number): void {
    const probe = this.#probe === work
    if (probe) this.#probe = undefined
    if (ended === 'worked') this.#close()
    else if (ended !== 'left' && (probe || ended !== 'failed again')) this.#fail(work, ended, probe, now)
    if (probe || ended === 'worked') this.#wake()
  }

  /** Resolves when it lets more in than before. */
  changed(): Promise<void> {
    return new Promise(resolve => this.#waiting.push(resolve))
  }

  #fail(work: unknown, ended: Ended, probe: boolean, now: number): void {
    // What was under way when it opened says nothing new.
    if (this.#openings > 0 && !probe) return
    this.#failed.add(work)
    if (!probe && ended !== 'away' && this.#failed.size < this.#failuresMax) return
    this.#failed.clear()
    this.#until = now + Math.min(this.#pause.max, this.#pause.min * 2 ** Math.min(this.#openings, doublings))
    this.#openings++
  }

  #close(): void {
    this.#failed.clear()
    this.#openings = 0
    this.#probe = undefined
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
