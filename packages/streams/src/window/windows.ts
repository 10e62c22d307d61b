import { RiachoError } from '../errors.ts'

/** Aligned windows [start, start + size), starts at multiples of `advance` from epoch 0 (Kafka Streams: `TimeWindows`). All in milliseconds. */
export interface AlignedWindows {
  readonly kind: 'aligned'
  readonly size: number
  readonly advance: number
  /** A record is late for a window when the operator's stream time has reached the window's end + grace. */
  readonly grace: number
  /** How long the store shows a window after its start. */
  readonly retention: number
}

/**
 * Windows that records define, both ends inclusive: [t - difference, t] of each record, and [t + 1, t + 1 + difference] where a later one falls in it (Kafka Streams:
 * `SlidingWindows`). All in milliseconds.
 */
export interface SlidingWindows {
  readonly kind: 'sliding'
  readonly difference: number
  readonly grace: number
  readonly retention: number
}

/** Runs of records of a key at most `gap` apart, both ends inclusive (Kafka Streams: `SessionWindows`). All in milliseconds. */
export interface SessionWindows {
  readonly kind: 'session'
  readonly gap: number
  readonly grace: number
  /** How long the store shows a session after its end. */
  readonly retention: number
}

/** What an aggregation by key and time is cut into. */
export type Windows = AlignedWindows | SlidingWindows | SessionWindows

/** Options of windows: grace is always said. */
export interface WindowOptions {
  readonly grace: number
  /** How long the store shows a window. Default and least: what a late record within the grace may need. */
  readonly retention?: number
}

/** Checks and freezes aligned windows. Throws `RIACHO_OPTION`. */
export function makeWindows(size: number, advance: number, options: WindowOptions): AlignedWindows {
  checkTime('size', size, 1)
  checkTime('advance', advance, 1, size)
  return Object.freeze({ kind: 'aligned', size, advance, ...kept(options, size, 'size + grace') })
}

/** Grace and retention; `reach`: milliseconds from the start of a window to its end. Throws `RIACHO_OPTION`. */
export function kept(
  { grace, retention }: WindowOptions,
  reach: number,
  least: string,
): { readonly grace: number; readonly retention: number } {
  checkTime('grace', grace, 0)
  const given = retention ?? reach + grace
  if (!Number.isSafeInteger(given) || given < reach + grace) refuse(`the retention is a whole number, at least ${least}`, given)
  return { grace, retention: given }
}

/** Checks a number of milliseconds. Throws `RIACHO_OPTION`. */
export function checkTime(what: string, given: number, least: number, most: number = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(given) && given >= least && given <= most) return
  const bound = most === Number.MAX_SAFE_INTEGER ? (least === 0 ? '0 or more' : `${least} or more`) : `${least} to ${most}`
  refuse(`the ${what} is a whole number, ${bound}`, given)
}

function refuse(what: string, given: number): never {
  throw new RiachoError('RIACHO_OPTION', `window: ${what}, in milliseconds, not ${given}`)
}
