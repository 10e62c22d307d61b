import { Breaker, type BreakerOptions, type Ended } from './breaker.ts'

/** What a gate needs of the task that wants to go in. */
export interface Visitor {
  now(): number
  sleep(duration: number, signal: AbortSignal): Promise<void>
}

/** What all tasks of a process go through to reach one system: a breaker, and a bound on those inside (a bulkhead). One per operator. */
export class Gate {
  readonly #breaker: Breaker | undefined
  readonly #insideMax: number
  #inside = 0
  #waiting: (() => void)[] = []

  constructor(breaker: BreakerOptions | false, insideMax = Number.POSITIVE_INFINITY) {
    this.#breaker = breaker === false ? undefined : new Breaker(breaker)
    this.#insideMax = insideMax
  }

  /** Everybody may go in, as far as the breaker knows. */
  get isClosed(): boolean {
    return this.#breaker === undefined || this.#breaker.isClosed
  }

  /** Nobody may try yet. */
  isBroken(now: number): boolean {
    return this.#breaker?.state(now) === 'open'
  }

  /** Waits until `work` may begin; then its end must be told. False: aborted meanwhile. */
  async enter(work: unknown, visitor: Visitor, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      if (signal.aborted) return false
      if (this.#inside >= this.#insideMax) await this.#either(new Promise(resolve => this.#waiting.push(resolve)), signal)
      else {
        const wait = this.#breaker?.enter(work, visitor.now()) ?? 0
        if (wait === 0) break
        await this.#either(this.#breaker!.changed(), signal, limit => visitor.sleep(wait, limit))
      }
    }
    this.#inside++
    return true
  }

  /** Whether work may begin at once, as `enter` would let it. */
  tryEnter(work: unknown, now: number): boolean {
    if (this.#inside >= this.#insideMax || (this.#breaker?.enter(work, now) ?? 0) > 0) return false
    this.#inside++
    return true
  }

  /** Tells how work that was let in has ended. Returns whether that has opened or closed the breaker. */
  leave(work: unknown, ended: Ended, now: number): 'opened' | 'closed' | undefined {
    const before = this.isClosed
    this.#inside--
    this.#breaker?.leave(work, ended, now)
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
    return before === this.isClosed ? undefined : before ? 'opened' : 'closed'
  }

  async #either(change: Promise<void>, signal: AbortSignal, sleep?: (limit: AbortSignal) => Promise<void>): Promise<void> {
    const over = new AbortController()
    const given = AbortSignal.any([signal, over.signal])
    const aborted = new Promise<void>(resolve => given.addEventListener('abort', () => resolve(), { once: true }))
    await Promise.race([change, aborted, ...(sleep === undefined ? [] : [sleep(given)])])
    over.abort()
  }
}
