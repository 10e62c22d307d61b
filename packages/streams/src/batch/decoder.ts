import type { RecordCursor } from '../contract/broker.ts'
import { type Headers, noHeaders } from '../contract/record.ts'
import { reasonOf } from '../errors.ts'
import { type Checksum, crc32c } from './crc32c.ts'
import { batchAttribute, batchField, corrupt, headerBytes, lengthOverhead, readLong } from './layout.ts'

/** An aborted transaction that reaches into a slice, as a fetch response lists it. */
export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

/** Gives the uncompressed records of a batch: `codec` is Kafka's number (1 gzip, 2 snappy, 3 lz4, 4 zstd). The result lives as long as the cursor. */
export type Decompress = (codec: number, frame: Buffer, start: number, end: number) => Buffer

/** How a {@link BatchCursor} reads. */
export interface CursorOptions {
  /** Sorted by `firstOffset`. Given: read_committed; absent: every record is shown. */
  readonly aborted?: readonly AbortedTransaction[] | undefined
  /** Without it a compressed batch is RIACHO_BATCH_CORRUPT. */
  readonly decompress?: Decompress | undefined
  /** Compares each batch with its checksum, computed by this function if one is given. Default false. */
  readonly checkCrc?: boolean | Checksum | undefined
  /** The partition that errors name. */
  readonly of?: { readonly topic: string; readonly partition: number } | undefined
}

/**
 * A cursor over one contiguous slice of record batches (magic 2) of one partition. The slice may begin before the wanted offset and may end
 * inside a batch, as a fetch response does. Damage is RIACHO_BATCH_CORRUPT.
 */
export class BatchCursor implements RecordCursor {
  offset = 0
  timestamp = 0
  keyFrame: Buffer
  keyStart = -1
  keyEnd = -1
  valueFrame: Buffer
  valueStart = -1
  valueEnd = -1
  position: number
  readonly #slice: Buffer
  readonly #end: number
  readonly #from: number
  readonly #options: CursorOptions
  readonly #checksum: Checksum | undefined
  /** Producers whose transaction is aborted at the place of the walk. */
  readonly #aborting = new Set<number>()
  #nextAborted = 0
  #batchAt: number
  #batchNext = 0
  #p = 0
  #recordsEnd = 0
  #left = 0
  #base = 0
  #baseTimestamp = 0
  #logAppendTime = false
  #headersAt = 0

  /** `slice` from `start` to `end`; records below `from` are not shown. */
  constructor(slice: Buffer, start: number, end: number, from: number, options: CursorOptions = {}) {
    this.#slice = slice
    this.#end = end
    this.#from = from
    this.#options = options
    this.#checksum = options.checkCrc === true ? crc32c : options.checkCrc || undefined
    this.#batchAt = start
    this.keyFrame = slice
    this.valueFrame = slice
    this.position = from
  }

  next(): boolean {
    for (;;) {
      if (this.#left === 0 && !this.#nextBatch()) return false
      const frame = this.valueFrame
      const length = this.#varint(frame)
      const end = this.#p + length
      if (length < 0 || end > this.#recordsEnd) throw this.#damaged('a record reaches past its batch')
      let p = this.#p + 1
      const first = frame[p]!
      let timestamp: number
      if (first < 128) {
        timestamp = this.#baseTimestamp + ((first >>> 1) ^ -(first & 1))
        this.#p = p + 1
      } else {
        this.#p = p
        timestamp = this.#farTimestamp(frame)
      }
      this.offset = this.#base + this.#varint(frame)
      this.timestamp = this.#logAppendTime ? this.#baseTimestamp : timestamp
      const keyLength = this.#varint(frame)
      p = this.#p
      if (keyLength < 0) this.keyStart = this.keyEnd = -1
      else {
        this.keyStart = p
        this.keyEnd = this.#p = p + keyLength
      }
      const valueLength = this.#varint(frame)
      p = this.#p
      if (valueLength < 0) this.valueStart = this.valueEnd = -1
      else {
        this.valueStart = p
        this.valueEnd = p += valueLength
      }
      if (p >= end) throw this.#damaged('the key or the value of a record reaches past its end')
      this.#headersAt = p
      this.#p = end
      this.position = --this.#left === 0 ? this.#batchNext : this.offset + 1
      if (this.offset >= this.#from) return true
    }
  }

  get hasHeaders(): boolean {
    return this.valueFrame[this.#headersAt] !== 0
  }

  headers(): Headers {
    if (!this.hasHeaders) return noHeaders
    const frame = this.valueFrame
    const back = this.#p
    this.#p = this.#headersAt
    const count = this.#varint(frame)
    const headers: [string, Uint8Array | null][] = []
    for (let i = 0; i < count; i++) {
      const nameEnd = this.#varint(frame) + this.#p
      if (nameEnd > back || nameEnd < this.#p) throw this.#damaged('a header reaches past its record')
      const name = frame.utf8Slice(this.#p, nameEnd)
      this.#p = nameEnd
      const length = this.#varint(frame)
      const valueEnd = this.#p + Math.max(length, 0)
      if (valueEnd > back) throw this.#damaged('a header reaches past its record')
      headers.push([name, length < 0 ? null : Uint8Array.prototype.slice.call(frame, this.#p, valueEnd)])
      this.#p = valueEnd
    }
    this.#p = back
    return headers
  }

  /** Goes to the next batch with records to show; those without only move the position. */
  #nextBatch(): boolean {
    const b = this.#slice
    for (;;) {
      const start = this.#batchAt
      if (start + headerBytes > this.#end && !this.#hasOldFormat(start)) return false
      const length = b.readInt32BE(start + batchField.length)
      const end = start + lengthOverhead + length
      // Formats 0 and 1 have shorter headers, with the format at the same place.
      if (b[start + batchField.magic] !== 2) throw this.#damaged(`a batch of format ${b[start + batchField.magic]}; only 2 can be read`)
      if (length < headerBytes - lengthOverhead) throw this.#damaged(`a batch says that it is ${length} bytes long`)
      if (end > this.#end) return false
      const base = readLong(b, start + batchField.baseOffset)
      const last = base + b.readInt32BE(start + batchField.lastOffsetDelta)
      if (!Number.isSafeInteger(last)) throw this.#damaged('an offset above 2^53-1')
      this.#batchAt = end
      this.#batchNext = last + 1
      if (last < this.#from) continue
      if (this.#checksum !== undefined && this.#checksum(b, start + batchField.attributes, end) !== b.readUInt32BE(start + batchField.crc))
        throw this.#damaged(`the checksum of the batch at offset ${base} is wrong`)
      const attributes = b.readInt16BE(start + batchField.attributes)
      const count = b.readInt32BE(start + batchField.count)
      if (this.#isHidden(start, attributes, last) || count === 0) {
        this.position = this.#batchNext
        continue
      }
      this.#enter(start, end, attributes, base, count)
      return true
    }
  }

  /** Java's algorithm: transactions that start up to the batch's last offset count; an abort marker ends its producer's. */
  #isHidden(start: number, attributes: number, last: number): boolean {
    const control = (attributes & batchAttribute.control) !== 0
    const aborted = this.#options.aborted
    if (aborted === undefined) return control
    while (this.#nextAborted < aborted.length && aborted[this.#nextAborted]!.firstOffset <= last)
      this.#aborting.add(aborted[this.#nextAborted++]!.producerId)
    if (this.#aborting.size === 0) return control
    const producerId = readLong(this.#slice, start + batchField.producerId)
    if (control) {
      if (markerOf(this.#slice, start) === 'abort') this.#aborting.delete(producerId)
      return true
    }
    return (attributes & batchAttribute.transactional) !== 0 && this.#aborting.has(producerId)
  }

  #enter(start: number, end: number, attributes: number, base: number, count: number): void {
    const b = this.#slice
    this.#left = count
    this.#base = base
    this.#logAppendTime = (attributes & batchAttribute.logAppendTime) !== 0
    this.#baseTimestamp = readLong(b, start + (this.#logAppendTime ? batchField.maxTimestamp : batchField.baseTimestamp))
    const codec = attributes & batchAttribute.codec
    let records = b
    this.#p = start + headerBytes
    this.#recordsEnd = end
    if (codec !== 0) {
      records = this.#decompressed(codec, start, end, base)
      this.#p = 0
      this.#recordsEnd = records.length
    }
    this.keyFrame = records
    this.valueFrame = records
  }

  #decompressed(codec: number, start: number, end: number, base: number): Buffer {
    const what = `the batch at offset ${base} is compressed (codec ${codec})`
    if (this.#options.decompress === undefined) throw this.#damaged(`${what} and this reader has no decompressor`)
    try {
      return this.#options.decompress(codec, this.#slice, start + headerBytes, end)
    } catch (cause) {
      throw this.#damaged(`${what} and cannot be decompressed: ${reasonOf(cause)}`, cause)
    }
  }

  /** Whether what is left is a message of a format before 2, which may be shorter than a batch's header. */
  #hasOldFormat(start: number): boolean {
    return start + batchField.magic < this.#end && this.#slice[start + batchField.magic]! < 2
  }

  /** A zigzag varint of at most 5 bytes. */
  #varint(b: Buffer): number {
    let p = this.#p
    let x = b[p++]!
    let r = x & 127
    if (x > 127) {
      x = b[p++]!
      r |= (x & 127) << 7
      if (x > 127) {
        x = b[p++]!
        r |= (x & 127) << 14
        if (x > 127) {
          x = b[p++]!
          r |= (x & 127) << 21
          if (x > 127) r |= b[p++]! << 28
        }
      }
    }
    this.#p = p
    return (r >>> 1) ^ -(r & 1)
  }

  /** The base timestamp and a zigzag varlong: up to 49 bits in numbers; wider ones in bigints, as the difference of two safe integers need not be one. */
  #farTimestamp(b: Buffer): number {
    const start = this.#p
    let p = start
    let x = 128
    let r = 0
    for (let scale = 1; x > 127 && p < start + 7; scale *= 128) {
      x = b[p++]!
      r += (x & 127) * scale
    }
    if (x > 127) return this.#farthestTimestamp(b)
    this.#p = p
    return this.#baseTimestamp + (r % 2 === 0 ? r / 2 : -(r + 1) / 2)
  }

  #farthestTimestamp(b: Buffer): number {
    let r = 0n
    let x = 128
    for (let shift = 0n; x > 127 && shift < 70n; shift += 7n) {
      x = b[this.#p++]!
      r |= BigInt(x & 127) << shift
    }
    const timestamp = Number(BigInt(this.#baseTimestamp) + BigInt.asIntN(64, (r >> 1n) ^ -(r & 1n)))
    if (!Number.isSafeInteger(timestamp)) throw this.#damaged('a timestamp is above 2^53-1')
    return timestamp
  }

  #damaged(what: string, cause?: unknown): Error {
    const { of } = this.#options
    const offset = this.position
    const where = of === undefined ? '' : `${of.topic}, partition ${of.partition}: `
    return corrupt(
      `${where}${what} (near byte ${this.#batchAt} of the slice, offset ${offset}). Fetch it again; if it stays, the log is damaged there.`,
      cause,
      { topic: of?.topic, partition: of?.partition, offset },
    )
  }
}

/** What the control batch at `start` says: the end of its producer's transaction, or something that readers skip. */
export function markerOf(frame: Buffer, start: number): 'commit' | 'abort' | 'other' {
  let p = start + headerBytes
  const skip = (): void => {
    while (frame[p++]! > 127);
  }
  skip()
  p++
  skip()
  skip()
  skip()
  const type = frame.readInt16BE(p + 2)
  return type === 1 ? 'commit' : type === 0 ? 'abort' : 'other'
}
