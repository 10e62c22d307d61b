import type { Clock } from '@riacho/streams/engine'

/** A clock that stands still until it is moved. Sleepers wake in the order of their times. */
export class FakeClock implements Clock {
  #now: number
  #sleepers: { due: number; wake: () => void }[] = []

  /** `now` is epoch milliseconds. */
  constructor(now = 0) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  sleep(duration: number, signal?: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      if (signal?.aborted) return resolve()
      const sleeper = { due: this.#now + duration, wake: resolve }
      this.#sleepers.push(sleeper)
      signal?.addEventListener(
        'abort',
        () => {
          this.#sleepers = this.#sleepers.filter(each => each !== sleeper)
          resolve()
        },
        { once: true },
      )
    })
  }

  /** Moves the clock and wakes whoever is due. */
  advance(milliseconds: number): void {
    this.#now += milliseconds
    const due = this.#sleepers.filter(each => each.due <= this.#now).sort((a, b) => a.due - b.due)
    this.#sleepers = this.#sleepers.filter(each => each.due > this.#now)
    for (const sleeper of due) sleeper.wake()
  }

  /** Milliseconds until the next sleeper is due; undefined when nobody sleeps. */
  get next(): number | undefined {
    return this.#sleepers.length === 0 ? undefined : Math.max(0, Math.min(...this.#sleepers.map(each => each.due)) - this.#now)
  }
}
