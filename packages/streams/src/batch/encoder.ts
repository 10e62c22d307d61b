import { type Headers, noHeaders } from '../contract/record.ts'
import { RiachoError } from '../errors.ts'
import { type Checksum, crc32c } from './crc32c.ts'
import { batchAttribute, batchField, headerBytes, lengthOverhead, writeLong } from './layout.ts'

/** Most bytes that the varints and the attributes of one record take, beside its key, value and headers. */
const recordOverhead = 5 + 1 + 10 + 5 + 5 + 5 + 5
/** Up to this many characters a loop beats the call into the engine that writes a string (measured: 12 on Node 24). */
const shortString = 12

/** How {@link BatchEncoder.finish} ends a batch. */
export interface FinishOptions {
  /** Computes the checksum, by this function if one is given. Only a log that never leaves the process may do without. */
  readonly crc: boolean | Checksum
  /** Gives the buffer away: the next record goes into a new one. Default: the buffer is used again. */
  readonly detach?: boolean
}

/** Encodes records into one record batch (magic 2, uncompressed) in one growing buffer. Offsets start at 0: whoever appends the batch to a log sets its base offset. */
export class BatchEncoder {
  /** Records of the open batch. */
  count = 0
  #buffer: Buffer
  #p = headerBytes
  #baseTimestamp = 0
  #maxTimestamp = 0
  #nextDelta = 0
  readonly #lengthMax: number

  /** `capacity`: bytes to start with. `lengthMax`: most bytes that one record may need. */
  constructor(capacity = 4096, lengthMax = 2 ** 30) {
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(capacity, headerBytes))
    this.#lengthMax = lengthMax
  }

  /** Bytes of the open batch, with its header. */
  get size(): number {
    return this.#p
  }

  /** Bytes for which it has memory. */
  get capacity(): number {
    return this.#buffer.length
  }

  /**
   * Adds a record. Strings are written as UTF-8, and count with three bytes a UTF-16 unit until they are. Throws RIACHO_TIMESTAMP for a
   * timestamp that is no safe integer, RIACHO_ENCODE for a record that may need more than the limit; the batch is then as it was.
   */
  append(timestamp: number, key: string | Uint8Array | null, value: string | Uint8Array | null, headers: Headers = noHeaders): void {
    // What is reserved and not used costs nothing.
    let room = recordOverhead
    if (key !== null) room += typeof key === 'string' ? key.length * 3 : key.length
    if (value !== null) room += typeof value === 'string' ? value.length * 3 : value.length
    if (headers.length > 0) room += headersRoom(headers)
    if (room > this.#lengthMax) throw tooLong(room, this.#lengthMax)
    let delta = 0
    if (this.count === 0) {
      if (!Number.isSafeInteger(timestamp)) throw badTimestamp(timestamp)
      this.#baseTimestamp = this.#maxTimestamp = timestamp
    } else {
      delta = timestamp - this.#baseTimestamp
      if ((delta | 0) !== delta && !Number.isSafeInteger(timestamp)) throw badTimestamp(timestamp)
      if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    }
    if (this.#p + room > this.#buffer.length) this.#grow(room)

    const start = this.#p
    const guess = lengthGuess(key, value)
    this.#p = start + guess
    this.#buffer[this.#p++] = 0
    if ((delta | 0) === delta && delta < 64 && delta >= -64) this.#buffer[this.#p++] = (delta << 1) ^ (delta >> 31)
    else this.#varlong(delta, timestamp)
    this.#varint(this.#nextDelta++)
    this.#field(key)
    this.#field(value)
    if (headers.length === 0) this.#buffer[this.#p++] = 0
    else this.#headers(headers)
    this.#patchLength(start, guess)
    this.count++
  }

  /**
   * Ends the batch and begins the next one. The result is a view that the next `append` overwrites, unless `detach` gives it away.
   * `producerId`, `epoch` and `sequence` are -1 for a producer without an identity. Without a record it makes an empty batch, which keeps the offsets that were skipped.
   */
  finish(producerId: number, epoch: number, sequence: number, transactional: boolean, options: FinishOptions): Buffer {
    const b = this.#buffer
    const end = this.#p
    const attributes = transactional ? batchAttribute.transactional : 0
    writeHeader(b, end, attributes, this.count, this.#nextDelta - 1, this.#baseTimestamp, this.#maxTimestamp, producerId, epoch, sequence)
    const checksum = options.crc === true ? crc32c : options.crc || undefined
    b.writeUInt32BE(checksum === undefined ? 0 : checksum(b, batchField.attributes, end), batchField.crc)
    if (options.detach) this.#buffer = Buffer.allocUnsafeSlow(b.length)
    this.reset()
    return b.subarray(0, end)
  }

  /** Leaves out `offsets` offsets before the next record, as compaction does. */
  skip(offsets: number): void {
    this.#nextDelta += offsets
  }

  /** Throws the open batch away. */
  reset(): void {
    this.#p = headerBytes
    this.count = 0
    this.#nextDelta = 0
  }

  #grow(room: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#p + room, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.#p)
    this.#buffer = larger
  }

  /** A key or a value with its length. */
  #field(bytes: string | Uint8Array | null): void {
    if (bytes === null) this.#buffer[this.#p++] = 1
    else if (typeof bytes === 'string') this.#string(bytes)
    else this.#bytes(bytes)
  }

  #bytes(bytes: Uint8Array): void {
    this.#varint(bytes.length)
    this.#buffer.set(bytes, this.#p)
    this.#p += bytes.length
  }

  /** The length is guessed from the characters, so that the string is walked once; a wrong guess moves the bytes. */
  #string(text: string): void {
    const length = text.length
    const b = this.#buffer
    if (length <= shortString) {
      let p = this.#p
      b[p++] = length << 1
      let seen = 0
      for (let i = 0; i < length; i++) {
        const c = text.charCodeAt(i)
        seen |= c
        b[p++] = c
      }
      if (seen < 128) {
        this.#p = p
        return
      }
    }
    const start = this.#p
    const guess = varintBytes(length)
    const written = b.utf8Write(text, start + guess)
    const needed = varintBytes(written)
    if (needed !== guess) b.copyWithin(start + needed, start + guess, start + guess + written)
    this.#varint(written)
    this.#p = start + needed + written
  }

  #headers(headers: Headers): void {
    this.#varint(headers.length)
    for (const [name, value] of headers) {
      this.#string(name)
      if (value === null) this.#buffer[this.#p++] = 1
      else this.#bytes(value)
    }
  }

  #patchLength(start: number, guess: number): void {
    const length = this.#p - start - guess
    const needed = varintBytes(length)
    if (needed !== guess) this.#buffer.copyWithin(start + needed, start + guess, this.#p)
    const end = start + needed + length
    this.#p = start
    this.#varint(length)
    this.#p = end
  }

  #varint(value: number): void {
    const b = this.#buffer
    let z = ((value << 1) ^ (value >> 31)) >>> 0
    let p = this.#p
    while (z > 127) {
      b[p++] = (z & 127) | 128
      z >>>= 7
    }
    b[p++] = z
    this.#p = p
  }

  /** Bigints above 2^48: there twice the delta, or the delta itself, need not be an exact number. */
  #varlong(delta: number, timestamp: number): void {
    if ((delta | 0) === delta) {
      this.#varint(delta)
      return
    }
    const b = this.#buffer
    if (delta > -(2 ** 48) && delta < 2 ** 48) {
      let z = delta < 0 ? -delta * 2 - 1 : delta * 2
      for (; z > 127; z = Math.floor(z / 128)) b[this.#p++] = (z % 128) | 128
      b[this.#p++] = z
      return
    }
    const exact = BigInt(timestamp) - BigInt(this.#baseTimestamp)
    let z = BigInt.asUintN(64, (exact << 1n) ^ (exact >> 63n))
    for (; z > 127n; z >>= 7n) b[this.#p++] = Number(z & 127n) | 128
    b[this.#p++] = Number(z)
  }
}

/** A control batch that ends a producer's transaction in one partition. `timestamp` in epoch milliseconds. Its base offset is 0. */
export function encodeMarker(kind: 'commit' | 'abort', producerId: number, epoch: number, timestamp: number): Buffer {
  // One record: length 16 (zigzag 32), attributes, timestamp delta and offset delta 0, key of 4 (version 0, type), value of 6 (version 0, coordinator epoch 0), no headers.
  const record = [32, 0, 0, 0, 8, 0, 0, 0, kind === 'commit' ? 1 : 0, 12, 0, 0, 0, 0, 0, 0, 0]
  const b = Buffer.alloc(headerBytes + record.length)
  b.set(record, headerBytes)
  writeHeader(b, b.length, batchAttribute.transactional | batchAttribute.control, 1, 0, timestamp, timestamp, producerId, epoch, -1)
  b.writeUInt32BE(crc32c(b, batchField.attributes), batchField.crc)
  return b
}

function writeHeader(
  b: Buffer,
  end: number,
  attributes: number,
  count: number,
  lastOffsetDelta: number,
  baseTimestamp: number,
  maxTimestamp: number,
  producerId: number,
  epoch: number,
  sequence: number,
): void {
  writeLong(b, 0, batchField.baseOffset)
  b.writeInt32BE(end - lengthOverhead, batchField.length)
  b.writeInt32BE(-1, batchField.leaderEpoch)
  b[batchField.magic] = 2
  b.writeInt16BE(attributes, batchField.attributes)
  b.writeInt32BE(lastOffsetDelta, batchField.lastOffsetDelta)
  writeLong(b, baseTimestamp, batchField.baseTimestamp)
  writeLong(b, maxTimestamp, batchField.maxTimestamp)
  writeLong(b, producerId, batchField.producerId)
  b.writeInt16BE(epoch, batchField.producerEpoch)
  b.writeInt32BE(sequence, batchField.baseSequence)
  b.writeInt32BE(count, batchField.count)
}

/** Bytes of the varint of a non-negative number. */
const varintBytes = (n: number): number => (n < 64 ? 1 : n < 8192 ? 2 : n < 1048576 ? 3 : n < 134217728 ? 4 : 5)

/** Bytes that the length of a record will take, if its strings are ASCII and it has no headers. */
function lengthGuess(key: string | Uint8Array | null, value: string | Uint8Array | null): number {
  return varintBytes(6 + (key === null ? 0 : key.length) + (value === null ? 0 : value.length))
}

function headersRoom(headers: Headers): number {
  let room = 0
  for (const [name, value] of headers) room += 10 + name.length * 3 + (value === null ? 0 : value.length)
  return room
}

const tooLong = (room: number, lengthMax: number): RiachoError =>
  new RiachoError(
    'RIACHO_ENCODE',
    `A record may need ${room} bytes; the limit is ${lengthMax}. Split it, or store it elsewhere and send a reference.`,
  )

const badTimestamp = (timestamp: number): RiachoError =>
  new RiachoError('RIACHO_TIMESTAMP', `${timestamp} is no timestamp. Use epoch milliseconds, an integer between -(2^53-1) and 2^53-1.`)
