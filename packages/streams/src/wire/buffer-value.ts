import { type Headers, noHeaders } from '../contract/record.ts'
import { readLong, writeLong } from './long.ts'

/** Where a record that waits came from (Kafka Streams: `ProcessorRecordContext`). Without a topic it is '', partition and offset are -1. */
export interface BufferContext {
  readonly timestamp: number
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly headers: Headers
}

/** What waits in a buffer by time, as its changelog has it (Kafka Streams: `BufferValue`). */
export interface BufferValue {
  readonly context: BufferContext
  /** The row before the first change that waited. */
  readonly prior: Uint8Array | null
  /** The row before the last change. */
  readonly previous: Uint8Array | null
  readonly value: Uint8Array | null
  /** What it is ordered by, epoch milliseconds. */
  readonly time: number
}

/** Value of the header `v` of records that {@link encodeBufferValue} writes. */
export const bufferVersion = 3

const nothing = -1
/** In place of a length: the same bytes as `prior`. */
const sameAsPrior = -2

/** Writes version 3: context, prior, previous, value, time. Lengths are 4 bytes, -1 for null. */
export function encodeBufferValue({ context, prior, previous, value, time }: BufferValue): Buffer {
  const topic = Buffer.from(context.topic)
  const headers = context.headers.map(([name, bytes]) => [Buffer.from(name), bytes] as const)
  const same = prior !== null && previous !== null && Buffer.compare(prior, previous) === 0
  const ahead = headers.reduce((sum, [name, bytes]) => sum + 8 + name.length + lengthOf(bytes), 28 + topic.length)
  const out = Buffer.allocUnsafe(ahead + 12 + lengthOf(prior) + (same ? 0 : lengthOf(previous)) + lengthOf(value) + 8)
  writeLong(out, context.timestamp, 0)
  writeLong(out, context.offset, 8)
  let at = sized(out, topic, 16)
  at = out.writeInt32BE(context.partition, at)
  at = out.writeInt32BE(headers.length, at)
  for (const [name, bytes] of headers) at = sized(out, bytes, sized(out, name, at))
  at = sized(out, prior, at)
  at = same ? out.writeInt32BE(sameAsPrior, at) : sized(out, previous, at)
  writeLong(out, time, sized(out, value, at))
  return out
}

const lengthOf = (bytes: Uint8Array | null): number => bytes?.length ?? 0

function sized(out: Buffer, bytes: Uint8Array | null, at: number): number {
  if (bytes === null) return out.writeInt32BE(nothing, at)
  out.set(bytes, out.writeInt32BE(bytes.length, at))
  return at + 4 + bytes.length
}

/** What a record of an old version leaves to the record itself. */
export interface BufferRecord {
  readonly timestamp: number
  readonly headers: Headers
}

/**
 * Reads the versions 0 to 3. Versions 0 and 1 have no `prior`: that of the key's earlier record stands if there is one (`waiting`), else the previous row. Version 2 of some
 * releases holds what version 3 does. Bytes of the answer are views. Throws RangeError when the bytes are none of it.
 */
export function decodeBufferValue(
  bytes: Uint8Array,
  version: number,
  record: BufferRecord,
  waiting: Uint8Array | null | undefined,
): BufferValue {
  if (version === 3) return readVersion3(new Reader(bytes))
  if (version === 2) {
    try {
      return readVersion2(new Reader(bytes))
    } catch {
      return readVersion3(new Reader(bytes))
    }
  }
  const reader = new Reader(bytes)
  const time = reader.long()
  const headers = record.headers.map(([name, raw]) => [name, raw && Uint8Array.from(raw)] as const)
  const here = { timestamp: record.timestamp, topic: '', partition: -1, offset: -1, headers }
  const context = version === 1 ? reader.context() : here
  const { previous, value } = version === 1 ? changeOf(reader.required()) : reader.change()
  reader.end()
  return { context, prior: waiting ?? previous, previous, value, time }
}

function readVersion3(reader: Reader): BufferValue {
  const context = reader.context()
  const prior = reader.sized()
  const previous = reader.sized(prior)
  const value = reader.sized()
  const time = reader.long()
  reader.end()
  return { context, prior, previous, value, time }
}

function readVersion2(reader: Reader): BufferValue {
  const context = reader.context()
  const change = changeOf(reader.required())
  const prior = reader.sized()
  const time = reader.long()
  reader.end()
  return { context, prior, ...change, time }
}

function changeOf(bytes: Uint8Array): Pick<BufferValue, 'previous' | 'value'> {
  const reader = new Reader(bytes)
  const change = reader.change()
  reader.end()
  return change
}

/** Reads numbers and sized bytes one after the other. */
class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  long(): number {
    return readLong(this.#next(8), 0)
  }

  int(): number {
    const raw = this.#next(4)
    return (raw[0]! << 24) | (raw[1]! << 16) | (raw[2]! << 8) | raw[3]!
  }

  /** Bytes behind their length; `same`: what a length of -2 stands for. */
  sized(same?: Uint8Array | null): Uint8Array | null {
    const length = this.int()
    if (length === nothing) return null
    if (length === sameAsPrior && same !== undefined) return same
    return this.#next(length)
  }

  required(): Uint8Array {
    const bytes = this.sized()
    if (bytes === null) throw new RangeError('a value of a buffer without what it must have')
    return bytes
  }

  change(): Pick<BufferValue, 'previous' | 'value'> {
    const previous = this.sized()
    return { previous, value: this.sized() }
  }

  context(): BufferContext {
    const timestamp = this.long()
    const offset = this.long()
    const topic = textOf(this.required())
    const partition = this.int()
    const count = this.int()
    if (count <= 0) return { timestamp, offset, topic, partition, headers: noHeaders }
    const headers: [string, Uint8Array | null][] = []
    for (let i = 0; i < count; i++) {
      const name = textOf(this.required())
      const bytes = this.sized()
      headers.push([name, bytes === null ? null : Uint8Array.from(bytes)])
    }
    return { timestamp, offset, topic, partition, headers }
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new RangeError(`a value of a buffer with ${this.#bytes.length - this.#at} bytes too many`)
  }

  #next(length: number): Uint8Array {
    if (length < 0 || this.#at + length > this.#bytes.length) throw new RangeError('a value of a buffer that is cut short')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()
