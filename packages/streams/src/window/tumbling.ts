import { makeWindows, type WindowOptions, type Windows } from './windows.ts'

/** Windows of `size` milliseconds side by side: each record is in one. */
export function tumbling(size: number, options: WindowOptions): Windows {
  return makeWindows(size, size, options)
}
