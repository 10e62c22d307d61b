import { type Headers, noHeaders } from '../contract/record.ts'
import { readLong, writeLong } from './long.ts'

/** A record that waits in a buffer, with where it came from (Kafka Streams: `BufferValue`, `ProcessorRecordContext`). */
export interface Buffered {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Epoch milliseconds. */
  readonly timestamp: number
  readonly headers: Headers
  /** The value that was handed on last. */
  readonly prior: Uint8Array | null
  readonly previous: Uint8Array | null
  readonly value: Uint8Array | null
  /** When it leaves the buffer. */
  readonly due: number
}

/** The length that says that `previous` is `prior`. */
const sameAsPrior = -2

const sizeOf = (bytes: Uint8Array | null): number => 4 + (bytes === null ? 0 : bytes.length)

/** The value of a buffer's changelog: context, prior, previous and new value, each behind its length (-1: null), then the due time. */
export function encodeBuffered(buffered: Buffered): Buffer {
  const { headers, prior, previous, value } = buffered
  const topic = Buffer.from(buffered.topic)
  const names = headers.map(([name]) => Buffer.from(name))
  const same = prior !== null && previous !== null && Buffer.compare(prior, previous) === 0
  let size = 36 + topic.length + sizeOf(prior) + (same ? 4 : sizeOf(previous)) + sizeOf(value)
  for (let i = 0; i < names.length; i++) size += sizeOf(names[i]!) + sizeOf(headers[i]![1])
  const out = Buffer.allocUnsafe(size)
  writeLong(out, buffered.timestamp, 0)
  writeLong(out, buffered.offset, 8)
  let at = writeBytes(out, topic, 16)
  at = out.writeInt32BE(buffered.partition, at)
  at = out.writeInt32BE(names.length, at)
  for (let i = 0; i < names.length; i++) at = writeBytes(out, headers[i]![1], writeBytes(out, names[i]!, at))
  at = writeBytes(out, prior, at)
  at = same ? out.writeInt32BE(sameAsPrior, at) : writeBytes(out, previous, at)
  writeLong(out, buffered.due, writeBytes(out, value, at))
  return out
}

function writeBytes(out: Buffer, bytes: Uint8Array | null, at: number): number {
  const start = out.writeInt32BE(bytes === null ? -1 : bytes.length, at)
  if (bytes === null) return start
  out.set(bytes, start)
  return start + bytes.length
}

/** Reads what {@link encodeBuffered} wrote; values are views of `bytes`, headers are copies. */
export function decodeBuffered(bytes: Uint8Array): Buffered {
  const read = new Reading(bytes)
  const timestamp = read.long()
  const offset = read.long()
  const topic = textOf(read.bytes())
  const partition = read.int()
  const headers = headersOf(read)
  const prior = read.bytes()
  const size = read.int()
  const previous = size === sameAsPrior ? prior : read.bytes(size)
  const value = read.bytes()
  return { topic, partition, offset, timestamp, headers, prior, previous, value, due: read.long() }
}

function headersOf(read: Reading): Headers {
  const count = read.int()
  if (count <= 0) return noHeaders
  return Array.from({ length: count }, () => {
    const name = textOf(read.bytes())
    const value = read.bytes()
    return [name, value === null ? null : Uint8Array.from(value)] as const
  })
}

const textOf = (bytes: Buffer | null): string => (bytes === null ? '' : bytes.toString())

/** Walks over bytes; whatever reaches beyond their end throws a `RangeError`. */
class Reading {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  int(): number {
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  long(): number {
    this.#at += 8
    if (this.#at > this.#bytes.length) throw cutShort()
    return readLong(this.#bytes, this.#at - 8)
  }

  bytes(size = this.int()): Buffer | null {
    if (size < 0) return null
    this.#at += size
    if (this.#at > this.#bytes.length) throw cutShort()
    return this.#bytes.subarray(this.#at - size, this.#at)
  }
}

const cutShort = (): RangeError => new RangeError('a buffered record that is cut short')
