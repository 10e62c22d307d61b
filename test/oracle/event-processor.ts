import { readFileSync } from 'node:fs'
import { epochOf } from './rfc3339.ts'

/** What the example's windows are: one minute, closed five minutes after their end. Milliseconds. */
const windowSize = 60_000
const grace = 300_000

const contexts = ['monitoramento', 'aplicação de usuários', 'autorizador de transações', 'integrações']
const eventTypes = ['INSERT', 'UPDATE', 'DELETE']
const clients = ['Client_A', 'Client_B', 'Client_C', 'Client_D']

/** An event that its schema accepts. */
export interface Event {
  readonly uid: string
  readonly context: string
  readonly event_type: string
  readonly client: string
  readonly created_at: string
}

/** A line that is no event: its number, counted from 1, and its bytes without the line feed. */
export interface InvalidLine {
  readonly line: number
  readonly bytes: Uint8Array
}

/** Everything that the example must have made of a file. */
export interface Recomputed {
  /** Lines of the file. */
  readonly lines: number
  /** By uid: the last event of the file. */
  readonly rows: ReadonlyMap<string, Event>
  readonly invalid: readonly InvalidLine[]
  /** By client: its events in the order of the file. */
  readonly queues: ReadonlyMap<string, readonly Event[]>
  /** Events by `client/event type/start of the minute` (epoch milliseconds), late ones left out. */
  readonly counts: ReadonlyMap<string, number>
  /** Events left out of the counts because their window had closed. */
  readonly late: number
}

/** The key of a count. */
export const countKey = (client: string, eventType: string, windowStart: number): string => `${client}/${eventType}/${windowStart}`

/** The lines of a file as bytes, without their line feeds; what follows the last line feed counts unless it is empty. */
export function linesOf(file: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = []
  let start = 0
  for (let end = file.indexOf(10); end >= 0; end = file.indexOf(10, start)) {
    lines.push(file.subarray(start, end))
    start = end + 1
  }
  if (start < file.length) lines.push(file.subarray(start))
  return lines
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch {
    return undefined
  }
}

/** The event of a line and its time, epoch milliseconds; undefined when the schema refuses it. */
export function eventOf(bytes: Uint8Array): { readonly event: Event; readonly time: number } | undefined {
  const value = parsed(bytes)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const fields = new Map<string, unknown>(Object.entries(value))
  const oneOf = (name: string, allowed: readonly string[]): boolean => allowed.some(text => text === fields.get(name))
  const createdAt = fields.get('created_at')
  const time = typeof createdAt === 'string' ? epochOf(createdAt) : undefined
  if (time === undefined || typeof fields.get('uid') !== 'string') return undefined
  if (!oneOf('context', contexts) || !oneOf('event_type', eventTypes) || !oneOf('client', clients)) return undefined
  return { event: value as Event, time }
}

/** Counts by minute: an event is late when its window's end + grace has been reached by the greatest time seen, its own included. */
function countMinutes(events: readonly { readonly event: Event; readonly time: number }[]): { counts: Map<string, number>; late: number } {
  const counts = new Map<string, number>()
  let late = 0
  let streamTime = Number.NEGATIVE_INFINITY
  for (const { event, time } of events) {
    streamTime = Math.max(streamTime, time)
    const start = Math.floor(time / windowSize) * windowSize
    if (start + windowSize + grace <= streamTime) late++
    else {
      const key = countKey(event.client, event.event_type, start)
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
  }
  return { counts, late }
}

/** Recomputes everything from the bytes of a file. */
export function recompute(file: Uint8Array): Recomputed {
  const lines = linesOf(file)
  const read = lines.map(eventOf)
  const valid = read.filter(one => one !== undefined)
  const invalid = lines.map((bytes, i) => ({ line: i + 1, bytes })).filter((_, i) => read[i] === undefined)
  return {
    lines: lines.length,
    rows: new Map(valid.map(({ event }) => [event.uid, event])),
    invalid,
    queues: new Map(clients.map(client => [client, valid.map(({ event }) => event).filter(event => event.client === client)])),
    ...countMinutes(valid),
  }
}

/** Recomputes everything from `events.txt`. */
export const recomputeFile = (path: string): Recomputed => recompute(readFileSync(path))
