import { type AlignedWindows, makeWindows, type WindowOptions } from './windows.ts'

/** Windows of `size` milliseconds that start every `advance`: each record is in up to size / advance of them, oldest first. */
export function hopping(size: number, options: WindowOptions & { readonly advance: number }): AlignedWindows {
  return makeWindows(size, options.advance, options)
}
