import { type Logger, pino } from 'pino'

export type { Logger } from 'pino'

// Bytes that a terminal obeys, and separators that some readers of lines break at. Escaped, they are still JSON and still readable.
const obeyed = /[\p{Cc}\u2028\u2029]/gu
const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** The text with every control character written as an escape, so that it stays on its line and moves no cursor. */
export const harmless = (text: string): string => text.replaceAll('\n', '\\n').replace(obeyed, escaped)

const words: Readonly<Record<number, string>> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' }

/** One JSON line of pino as a line for people: time, level, message, facts. */
function readable(line: string): string {
  const { level, time, msg, ...facts } = JSON.parse(line) as { level: number; time: number; msg?: string; [fact: string]: unknown }
  const rest = Object.entries(facts).map(([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return harmless(`${new Date(time).toISOString().slice(11, 23)} ${words[level] ?? level} ${msg ?? ''}${rest.join('')}`)
}

/** Where a log goes. */
export interface LogOptions {
  readonly level: string
  /** Default: standard error. */
  readonly write?: (text: string) => void
  /** Lines for people instead of JSON. Default: when standard error is a terminal. */
  readonly people?: boolean
}

/** The log of a process: a line per event, never a record's key or value. */
export function makeLog(options: LogOptions): Logger {
  const write = options.write ?? (text => process.stderr.write(text))
  const people = options.people ?? process.stderr.isTTY === true
  const line = people ? readable : (text: string) => text.trimEnd().replace(obeyed, escaped)
  return pino({ level: options.level, base: null }, { write: text => write(`${line(text)}\n`) })
}
