import { checkTime, kept, type SessionWindows, type WindowOptions } from './windows.ts'

/** Sessions of a key: its records at most `gap` milliseconds apart. A record between two sessions makes them one. */
export function session(gap: number, options: WindowOptions): SessionWindows {
  checkTime('gap', gap, 0)
  return Object.freeze({ kind: 'session', gap, ...kept(options, gap, 'gap + grace') })
}
