import { checkTime, kept, type SlidingWindows, type WindowOptions } from './windows.ts'

/**
 * Windows that records open, both ends inclusive: each has one of what came up to `difference` milliseconds before it, and one of what comes up to as much after it,
 * once something does. Null values are dropped. Throws `RIACHO_OPTION`; also for a difference of 0, at which Kafka Streams stops at the first record.
 *
 * @example
 * orders.pipe(count('orders-within-5-minutes', { window: sliding(minutes(5), { grace: minutes(1) }) }), toStream())
 */
export function sliding(difference: number, options: WindowOptions): SlidingWindows {
  checkTime('difference', difference, 1)
  return Object.freeze({ kind: 'sliding', difference, ...kept(options, 2 * difference, '2 x difference + grace') })
}
