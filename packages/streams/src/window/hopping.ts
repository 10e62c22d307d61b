import { makeWindows, type WindowOptions, type Windows } from './windows.ts'

/** Windows of `size` milliseconds that start every `advance`: each record is in up to size / advance of them, oldest first. */
export function hopping(size: number, options: WindowOptions & { readonly advance: number }): Windows {
  return makeWindows(size, options.advance, options)
}
