/** A key press reaches a process twice when a parent such as npm forwards it: what comes so soon after the first, in milliseconds, is the same one. */
const sameSignal = 250

/** The wish to stop, by SIGINT or SIGTERM. A second signal ends the process at once with exit code 1. */
export interface StopSignal {
  /** Resolves at the first signal, with its name. */
  readonly first: Promise<string>
  /** Gives the signals back to the system. */
  dispose(): void
}

/** Listens for SIGINT and SIGTERM. */
export function stopSignal(): StopSignal {
  let stop: (signal: string) => void = () => {}
  const first = new Promise<string>(resolve => {
    stop = resolve
  })
  let since: number | undefined
  const heard = (signal: string): void => {
    const now = performance.now()
    if (since !== undefined && now - since > sameSignal) process.exit(1)
    since ??= now
    stop(signal)
  }
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.on(signal, heard)
  return {
    first,
    dispose: () => {
      for (const signal of signals) process.off(signal, heard)
    },
  }
}
