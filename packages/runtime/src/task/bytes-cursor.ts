import { type Headers, noHeaders, type RecordCursor, type SourceRecord } from '@riacho/streams/engine'

const nothing = Buffer.alloc(0)

/** Walks the records of a connector as a cursor walks a topic's. Its position is the number of records walked, which the connector's own positions stand for. */
export class BytesCursor implements RecordCursor {
  readonly #records: readonly SourceRecord[]
  #at = -1
  offset = -1
  timestamp = 0
  keyFrame: Buffer = nothing
  keyStart = -1
  keyEnd = -1
  valueFrame: Buffer = nothing
  valueStart = -1
  valueEnd = -1
  hasHeaders = false

  constructor(records: readonly SourceRecord[]) {
    this.#records = records
  }

  next(): boolean {
    const record = this.#records[this.#at + 1]
    if (record === undefined) return false
    this.#at++
    this.offset = record.offset
    this.timestamp = record.timestamp
    this.hasHeaders = record.headers.length > 0
    if (record.key === null) this.keyStart = -1
    else {
      this.keyFrame = framed(record.key)
      this.keyStart = 0
      this.keyEnd = record.key.length
    }
    if (record.value === null) this.valueStart = -1
    else {
      this.valueFrame = framed(record.value)
      this.valueStart = 0
      this.valueEnd = record.value.length
    }
    return true
  }

  headers(): Headers {
    return this.#records[this.#at]?.headers ?? noHeaders
  }

  get position(): number {
    return this.#at + 1
  }

  /** The connector's own position of the current record. */
  get mark(): Uint8Array | undefined {
    return this.#records[this.#at]?.position
  }
}

function framed(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
