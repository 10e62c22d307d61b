import { type AlignedWindows, makeWindows, type WindowOptions } from './windows.ts'

/** Windows of `size` milliseconds side by side: each record is in one. */
export function tumbling(size: number, options: WindowOptions): AlignedWindows {
  return makeWindows(size, size, options)
}
