import type { Headers } from '../contract/record.ts'
import type { Origin, Position } from '../contract/task.ts'
import { besideHeaders, type RecordBytes, readBeside } from './beside.ts'
import { retryCount } from './dead-letter.ts'

/** What a retry topic holds of a record beside what its stage was given. */
export interface Waiting {
  /** Tries that have failed. */
  readonly tries: number
  /** Retry topics that it was in, this one included. */
  readonly round: number
  /** Epoch milliseconds: no try before. */
  readonly notBefore: number
  /** Epoch milliseconds. */
  readonly firstFailure: number
  /** The input record that led to it, and how many of that came to the stage before it. */
  readonly from: Position | null
  readonly nth: number
  /** What a dead letter says of it: with the original record when some stage may need it. */
  readonly at: Position | Origin | null
}

const prefix = '__riacho.retry.'
const names = {
  notBefore: `${prefix}not-before`,
  round: `${prefix}round`,
  firstFailure: `${prefix}first-failure`,
  place: `${prefix}place`,
} as const
const originPrefix = `${prefix}origin.`

const isOurs = (name: string): boolean => name === retryCount || name.startsWith(prefix)

/** The headers of a record in a retry topic: those that its stage was given, then ours. */
export function waitingHeaders(record: RecordBytes, { tries, round, notBefore, firstFailure, from, nth, at }: Waiting): Headers {
  const headers = record.headers.filter(([name]) => !isOurs(name))
  const origin = at !== null && 'headers' in at ? at : undefined
  const place = { from: positionOf(from), nth, at: at && { ...positionOf(at), ...(origin && { timestamp: origin.timestamp }) } }
  const said = { [retryCount]: tries, [names.notBefore]: notBefore, [names.round]: round, [names.firstFailure]: firstFailure }
  return [
    ...headers,
    ...Object.entries(said).map(([name, number]) => [name, Buffer.from(String(number))] as const),
    [names.place, Buffer.from(JSON.stringify(place))],
    ...(origin === undefined ? [] : besideHeaders(originPrefix, origin, { ...record, headers })),
  ]
}

/** The position alone of what may be more. */
export const positionOf = (at: Position | null): Position | null => at && { topic: at.topic, partition: at.partition, offset: at.offset }

/** Reads a record of a retry topic: the headers that its stage was given, and the rest. Throws when they are not ours. */
export function readWaiting({ key, value, headers: all }: RecordBytes): { readonly headers: Headers; readonly waiting: Waiting } {
  const headers = all.filter(([name]) => !isOurs(name))
  const text = (name: string): string => String(all.find(([found]) => found === name)?.[1] ?? '')
  const { from, nth, at } = JSON.parse(text(names.place)) as Pick<Waiting, 'from' | 'nth' | 'at'>
  const origin = at !== null && 'timestamp' in at ? { ...at, ...readBeside(originPrefix, all, { key, value, headers }) } : at
  return {
    headers,
    waiting: {
      tries: Number(text(retryCount)),
      round: Number(text(names.round)),
      notBefore: notBeforeOf(all),
      firstFailure: Number(text(names.firstFailure)),
      from,
      nth,
      at: origin,
    },
  }
}

/** Epoch milliseconds before which a record of a retry topic is not tried; 0 when it does not say. */
export function notBeforeOf(headers: Headers): number {
  return Number(headers.find(([name]) => name === names.notBefore)?.[1] ?? 0)
}
