import { checkTime, kept, type SlidingWindows, type WindowOptions } from './windows.ts'

/** Windows that a record opens: what came up to `difference` milliseconds before it, and after it when a later record comes. */
export function sliding(difference: number, options: WindowOptions): SlidingWindows {
  checkTime('difference', difference, 0)
  return Object.freeze({ kind: 'sliding', difference, ...kept(options, 2 * difference, '2 x difference + grace') })
}
