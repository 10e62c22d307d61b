import type { StreamRecord } from '@riacho/streams'
import {
  type Emit,
  type Headers,
  NotReady,
  noHeaders,
  type Position,
  type RecordCursor,
  RiachoError,
  reasonOf,
  type SourceFacts,
} from '@riacho/streams/engine'

/** What a decoder tells its task. */
export interface DecodeReport {
  drop(reason: 'deserialization' | 'invalid-timestamp' | 'future-timestamp' | 'null-value'): void
  deadLetter(topic: string, failure: { code: string; reason: string; node: string; attempts: number; firstFailure: number }): void
  now(): number
  position(): Position | null
  /** Tells whoever runs this of something that passes. */
  tell(message: string): void
}

/** Stands for a value that nobody looks at. */
const present = Object.freeze({})

/** Decodes the records of one input, whether they come from a topic or from a connector. Bad ones are failed, skipped or put aside when they are taken. */
export class Decoder {
  readonly #label: string
  readonly #facts: SourceFacts
  readonly #report: DecodeReport
  readonly #freeze: boolean
  readonly #unread: boolean
  /** The record decoded last. */
  record: StreamRecord<unknown, unknown> | undefined
  /** Greatest time of the records taken; -1 before the first (Kafka Streams: partition time). */
  partitionTime = -1
  /** The latest time that needs no look at the clock. */
  #latest: number
  #until: Promise<void> | undefined
  /** The record that was last told to wait. */
  #waiting = -1

  constructor(label: string, facts: SourceFacts, report: DecodeReport, freeze: boolean, unread: boolean) {
    this.#freeze = freeze
    this.#unread = unread
    this.#label = label
    this.#facts = facts
    this.#report = report
    this.#latest = facts.maxFutureSkew === undefined ? Number.MAX_SAFE_INTEGER : -1
  }

  /** Decodes the cursor's record. Returns false when it was dropped, or must be `awaited`; throws when it stops the task. */
  take(cursor: RecordCursor): boolean {
    const facts = this.#facts
    let key: unknown = null
    let value: unknown = null
    try {
      if (cursor.keyStart >= 0) {
        const serde = facts.key
        key =
          serde.decodeAt === undefined
            ? serde.decode(cursor.keyFrame.subarray(cursor.keyStart, cursor.keyEnd))
            : serde.decodeAt(cursor.keyFrame, cursor.keyStart, cursor.keyEnd)
      }
      if (this.#unread) value = cursor.valueStart < 0 ? null : present
      else if (cursor.valueStart >= 0) {
        const serde = facts.value
        value =
          serde.decodeAt === undefined
            ? serde.decode(cursor.valueFrame.subarray(cursor.valueStart, cursor.valueEnd))
            : serde.decodeAt(cursor.valueFrame, cursor.valueStart, cursor.valueEnd)
      }
    } catch (thrown) {
      return this.#refused(thrown, cursor.offset)
    }
    if (this.#freeze) deepFreeze(value)
    // What a serde makes of bytes is a value, a JSON null too: only a record without a value has none.
    if (cursor.valueStart < 0 && facts.nulls === 'drop') {
      this.#report.drop('null-value')
      return false
    }
    const headers = cursor.hasHeaders ? cursor.headers() : noHeaders
    const record = { key, value, timestamp: cursor.timestamp, headers }
    if (facts.timestamp === undefined && cursor.timestamp >= 0 && cursor.timestamp <= this.#latest) {
      this.record = record
      return true
    }
    return this.#timed(record, cursor.offset)
  }

  /** Of a record that was not taken: until when its serde fetches what it lacks. Then it is to be taken again, and nothing after it before. Undefined: it was dropped. */
  awaited(): Promise<void> | undefined {
    const until = this.#until
    this.#until = undefined
    return until
  }

  /** After the record was handed on. */
  taken(timestamp: number): void {
    if (timestamp > this.partitionTime) this.partitionTime = timestamp
  }

  #timed(record: { key: unknown; value: unknown; timestamp: number; headers: Headers }, offset: number): boolean {
    const facts = this.#facts
    let timestamp: number
    try {
      timestamp = facts.timestamp === undefined ? record.timestamp : facts.timestamp(record.value, record, this.partitionTime)
    } catch (thrown) {
      throw new RiachoError(
        'RIACHO_TIMESTAMP',
        `'${this.#label}': reading the time of the record at offset ${offset} failed: ${reasonOf(thrown)}`,
        { cause: thrown, place: this.#place() },
      )
    }
    // Beyond that windows could not step on: adding to such a number changes nothing.
    const exact = Number.isSafeInteger(timestamp) && timestamp >= 0
    const wrong = exact ? (this.#isAhead(timestamp) ? 'future-timestamp' : undefined) : 'invalid-timestamp'
    if (wrong !== undefined && facts.invalidTimestamp !== 'keep') {
      if (facts.invalidTimestamp === 'skip') {
        this.#report.drop(wrong)
        return false
      }
      const given = timestamp
      timestamp = facts.invalidTimestamp === 'partitionTime' ? this.partitionTime : -1
      if (timestamp < 0) throw this.#refusedTime(wrong, given, offset)
    }
    record.timestamp = timestamp
    this.record = record
    return true
  }

  /** Whether a time is further ahead of the wall clock than it may be. The clock is asked only for times beyond what it last allowed. */
  #isAhead(timestamp: number): boolean {
    if (timestamp <= this.#latest) return false
    this.#latest = this.#report.now() + this.#facts.maxFutureSkew!
    return timestamp > this.#latest
  }

  #refusedTime(wrong: 'future-timestamp' | 'invalid-timestamp', timestamp: number, offset: number): RiachoError {
    const why =
      wrong === 'future-timestamp'
        ? `the time ${timestamp}, more than maxFutureSkew ahead of the wall clock`
        : `the invalid time ${timestamp}`
    return new RiachoError(
      'RIACHO_TIMESTAMP',
      `'${this.#label}': the record at offset ${offset} has ${why}: set invalidTimestamp to 'skip' or 'partitionTime', or a timestamp`,
      { place: this.#place() },
    )
  }

  #place(): RiachoError['place'] {
    return { node: this.#label, ...this.#report.position() }
  }

  #refused(thrown: unknown, offset: number): boolean {
    if (thrown instanceof NotReady) {
      if (this.#waiting !== offset) this.#report.tell(`'${this.#label}' waits at offset ${offset}: ${thrown.message}`)
      this.#waiting = offset
      this.#until = thrown.until
      return false
    }
    const { onError } = this.#facts
    if (onError === 'fail') {
      throw new RiachoError(
        'RIACHO_DECODE',
        `'${this.#label}': the record at offset ${offset} cannot be decoded: ${reasonOf(thrown)}; mend it, or give the source an onError`,
        {
          cause: thrown,
          place: this.#place(),
        },
      )
    }
    if (onError === 'skip') this.#report.drop('deserialization')
    else
      this.#report.deadLetter(onError.deadLetter, {
        code: 'RIACHO_DECODE',
        reason: reasonOf(thrown),
        node: this.#label,
        attempts: 1,
        firstFailure: this.#report.now(),
      })
    return false
  }
}

function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return
  Object.freeze(value)
  for (const part of Object.values(value)) deepFreeze(part)
}

/** An input's way into the operators. */
export interface Entrance {
  readonly decoder: Decoder
  readonly emit: Emit<StreamRecord<unknown, unknown>>
}
