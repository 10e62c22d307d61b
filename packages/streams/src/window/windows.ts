import { RiachoError } from '../errors.ts'

/** Aligned windows [start, start + size), starts at multiples of `advance` from epoch 0 (Kafka Streams: `TimeWindows`). All in milliseconds. */
export interface Windows {
  readonly size: number
  readonly advance: number
  /** A record is late for a window when the operator's stream time has reached the window's end + grace. */
  readonly grace: number
  /** How long the store shows a window after its start. */
  readonly retention: number
}

/** Options of aligned windows: grace is always said. */
export interface WindowOptions {
  readonly grace: number
  /** Default and least: size + grace. */
  readonly retention?: number
}

/** Checks and freezes. Throws `RIACHO_OPTION`. */
export function makeWindows(size: number, advance: number, options: WindowOptions): Windows {
  const { grace, retention = size + grace } = options
  const refuse = (what: string): never => {
    throw new RiachoError(
      'RIACHO_OPTION',
      `window: ${what} (milliseconds; size ${size}, advance ${advance}, grace ${grace}, retention ${retention})`,
    )
  }
  if (!Number.isSafeInteger(size) || size <= 0) refuse('the size is a whole number above 0')
  if (!Number.isSafeInteger(advance) || advance <= 0 || advance > size) refuse('the advance is a whole number above 0 and at most the size')
  if (!Number.isSafeInteger(grace) || grace < 0) refuse('the grace is a whole number, 0 or more')
  if (!Number.isSafeInteger(retention) || retention < size + grace) refuse('the retention is a whole number, at least size + grace')
  return Object.freeze({ size, advance, grace, retention })
}
