/** Wall clock and timers of an engine. Every wait of the engine goes through one, so that a test can own time. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number
  /** Resolves after `duration` milliseconds, or at once when `signal` is aborted. Never rejects. */
  sleep(duration: number, signal?: AbortSignal): Promise<void>
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (duration, signal) =>
    new Promise(resolve => {
      if (signal?.aborted) return resolve()
      const done = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, duration)
      signal?.addEventListener('abort', done, { once: true })
    }),
}
