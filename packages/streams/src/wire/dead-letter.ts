import type { Headers } from '../contract/record.ts'
import type { Failure, Origin, StageRecord } from '../contract/task.ts'
import { besideHeaders, type RecordBytes, readBeside } from './beside.ts'

/** A record that was put aside, and why. `offset` is -1 for a record that the application had derived. */
export interface DeadLetter {
  readonly code: string
  readonly reason: string
  readonly node: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Of the original record and of its first failure, epoch milliseconds. */
  readonly timestamp: number
  readonly firstFailure: number
  readonly attempts: number
  /** What the stage that failed was given, and where it takes it again: of stages with retry topics. */
  readonly stage?: StageRecord
  /** The value is only the beginning of the original's, which had so many bytes and did not fit; its headers may be missing. The whole is where the letter says that it came from. */
  readonly cutFrom?: number
  readonly original: { readonly key: Uint8Array | null; readonly value: Uint8Array | null; readonly headers: Headers }
}

/** Names of the headers: those of Kafka Streams (KIP-1034) where it has one. */
const names = {
  code: '__streams.errors.exception',
  reason: '__streams.errors.message',
  topic: '__streams.errors.topic',
  partition: '__streams.errors.partition',
  offset: '__streams.errors.offset',
  node: '__riacho.errors.node',
  timestamp: '__riacho.errors.timestamp',
  firstFailure: '__riacho.errors.first-failure',
  attempts: '__riacho.errors.attempts',
} as const

/** Characters of a reason: what others say may be of any length. */
const reasonMax = 4096

/** What begins the names of the headers that hold the record of a stage. */
const stagePrefix = '__riacho.stage.'
const stagePlace = `${stagePrefix}place`

/** How often asynchronous work on a record was tried again: in its dead letter, and in the tries themselves. */
export const retryCount = 'RetryCount'

/** How many bytes a value had that is cut. */
const cutName = '__riacho.errors.cut-from'

const own = new Set<string>([...Object.values(names), retryCount, cutName])

const isOurs = (name: string): boolean => own.has(name) || name.startsWith(stagePrefix)

/** The headers of a dead letter: the original's, then those that say why. Earlier ones of ours are replaced. */
export function deadLetterHeaders(origin: Origin, { stage, ...failure }: Failure): Headers {
  const headers = origin.headers.filter(([name]) => !isOurs(name))
  const facts: Record<keyof typeof names, string | number> = {
    ...failure,
    reason: failure.reason.length > reasonMax ? `${failure.reason.slice(0, reasonMax)}…` : failure.reason,
    topic: origin.topic,
    partition: origin.partition,
    offset: origin.offset,
    timestamp: origin.timestamp,
  }
  return [
    ...headers,
    ...(Object.keys(names) as (keyof typeof names)[]).map(fact => [names[fact], Buffer.from(String(facts[fact]))] as const),
    ...(failure.code === 'RIACHO_ASYNC' ? [[retryCount, Buffer.from(String(failure.attempts - 1))] as const] : []),
    ...(stage === undefined ? [] : stageHeaders(stage, { ...origin, headers })),
  ]
}

/** A dead letter as it is written. */
type LetterBytes = Pick<Origin, 'key' | 'value' | 'headers'>

/**
 * A letter that fits into so many bytes: without what its stage was given, if need be, and with only the beginning of its value, or without its own headers, which it
 * then says.
 */
export function fittingLetter(letter: LetterBytes, bytesMax: number): LetterBytes {
  if (sizeOf(letter) <= bytesMax) return letter
  const { key, value } = letter
  const whole = { key, value, headers: letter.headers.filter(([name]) => !name.startsWith(stagePrefix)) }
  if (sizeOf(whole) <= bytesMax) return whole
  const all: Headers = [...whole.headers, [cutName, Buffer.from(String(value?.length ?? 0))]]
  const headers = sizeOf({ key, value: null, headers: all }) <= bytesMax ? all : all.filter(([name]) => isOurs(name))
  const room = Math.max(0, bytesMax - sizeOf({ key, value: null, headers }))
  return { key, value: value === null ? null : value.subarray(0, room), headers }
}

/** Bytes of key, value and headers; more than six go round a header. */
function sizeOf({ key, value, headers }: LetterBytes): number {
  const size = (key?.length ?? 0) + (value?.length ?? 0)
  return headers.reduce((sum, [name, bytes]) => sum + Buffer.byteLength(name) + (bytes?.length ?? 0) + 8, size)
}

function stageHeaders({ key, value, headers, ...place }: StageRecord, original: Origin): Headers {
  const given = { key, value, headers: headers.filter(([name]) => !isOurs(name)) }
  return [[stagePlace, Buffer.from(JSON.stringify(place))], ...besideHeaders(stagePrefix, given, original)]
}

function readStage(place: string, headers: Headers, original: RecordBytes): StageRecord {
  return { ...(JSON.parse(place) as Omit<StageRecord, keyof RecordBytes>), ...readBeside(stagePrefix, headers, original) }
}

/** Reads a record of a dead letter topic; facts that it does not have are empty, or -1. */
export function readDeadLetter(key: Uint8Array | null, value: Uint8Array | null, headers: Headers): DeadLetter {
  const found = new Map(headers.map(([name, raw]) => [name, raw === null ? '' : Buffer.from(raw).toString()]))
  const number = (name: string): number => Number(found.get(name) ?? -1)
  const original = { key, value, headers: headers.filter(([name]) => !isOurs(name)) }
  const place = found.get(stagePlace)
  const cut = found.get(cutName)
  return {
    code: found.get(names.code) ?? '',
    reason: found.get(names.reason) ?? '',
    node: found.get(names.node) ?? '',
    topic: found.get(names.topic) ?? '',
    partition: number(names.partition),
    offset: number(names.offset),
    timestamp: number(names.timestamp),
    firstFailure: number(names.firstFailure),
    attempts: number(names.attempts),
    ...(place !== undefined && { stage: readStage(place, headers, original) }),
    ...(cut !== undefined && { cutFrom: Number(cut) }),
    original,
  }
}
