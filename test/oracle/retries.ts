/** A record that fails its first `fails` tries, as it was written at a moment of the clock. */
export interface Failing {
  readonly value: string
  readonly fails: number
  /** Milliseconds that passed before it was written. */
  readonly wait: number
}

/** What became of a record. */
export interface Fate {
  readonly value: string
  /** Tries in all. */
  readonly tries: number
  readonly end: 'out' | 'dead' | 'waits'
}

/**
 * What becomes of each record whose failures wait for one of these delays after the other: something is tried only when something is written, and then all that is due.
 */
export function fatesOf(written: readonly Failing[], delays: readonly number[]): readonly Fate[] {
  const clock = written.map((_, i) => written.slice(0, i + 1).reduce((sum, { wait }) => sum + wait, 0))
  return written.map(({ value, fails }, i) => {
    let time = clock[i]!
    for (let tries = 1; ; tries++) {
      if (tries > fails) return { value, tries, end: 'out' }
      if (tries > delays.length) return { value, tries, end: 'dead' }
      const due = time + delays[tries - 1]!
      const next = clock.find(moment => moment >= due)
      if (next === undefined) return { value, tries, end: 'waits' }
      time = next
    }
  })
}
