import { reasonOf } from '@riacho/streams/engine'
import type { Resolver, Type } from 'avsc'
import { failure } from './errors.ts'
import { type AvroLimits, type Guard, guardOf } from './guard.ts'

/** All that a type says, logical types too: equal wire forms may stand for other values. */
const textOf = (type: Type): string => JSON.stringify(type.schema({ exportAttrs: true }))

/** Turns the bytes that one writer's schema made into values, of the reader's schema if there is another. */
export class Reader {
  readonly #type: Type
  readonly #guard: Guard
  readonly #resolver: Resolver | undefined

  /** Throws `RIACHO_AVRO_SCHEMA` when what the writer writes cannot be read. */
  constructor(writer: Type, reader: Type | undefined, limits: AvroLimits) {
    this.#guard = guardOf(writer, limits)
    this.#type = reader ?? writer
    // Reading a schema as itself needs no resolver, which costs time.
    if (reader === undefined || textOf(reader) === textOf(writer)) return
    try {
      this.#resolver = reader.createResolver(writer)
    } catch (thrown) {
      throw failure('RIACHO_AVRO_SCHEMA', `the reader's schema cannot read the writer's: ${reasonOf(thrown)}`, thrown)
    }
  }

  /** Throws `RIACHO_AVRO_BYTES`. */
  decode(frame: Buffer, start: number, end: number): unknown {
    this.#guard(frame, start, end)
    try {
      return this.#type.decode(frame, start, this.#resolver).value
    } catch (thrown) {
      throw failure('RIACHO_AVRO_BYTES', reasonOf(thrown), thrown)
    }
  }
}

/** The same bytes as a Buffer: making another view of one costs as much as decoding a small value. */
export const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** A value that needs more than this leaves no scratch behind. */
const keptBytes = 4 << 20

/** Turns values into bytes after a fixed prefix. */
export class Writer {
  readonly #type: Type
  readonly #prefix: Uint8Array
  /** Where values are encoded before their length is known. Each writer has its own: a key must last until its value is encoded. */
  #scratch = Buffer.allocUnsafeSlow(1024)

  constructor(type: Type, prefix: Uint8Array) {
    this.#type = type
    this.#prefix = prefix
  }

  /** Bytes that are the caller's. Throws `RIACHO_AVRO_VALUE`. */
  encode(value: unknown): Uint8Array {
    const held = this.transient(value)
    const own = Buffer.allocUnsafe(held.length)
    held.copy(own)
    return own
  }

  /** Bytes that hold until the next call. Throws `RIACHO_AVRO_VALUE`. */
  transient(value: unknown): Buffer {
    const start = this.#prefix.length
    try {
      let frame = this.#scratch
      let end = this.#type.encode(value, frame, start)
      if (end < 0) {
        frame = Buffer.allocUnsafeSlow(frame.length - end + 1024)
        if (frame.length <= keptBytes) this.#scratch = frame
        end = this.#type.encode(value, frame, start)
      }
      frame.set(this.#prefix, 0)
      return frame.subarray(0, end)
    } catch (thrown) {
      throw failure('RIACHO_AVRO_VALUE', this.#whyNot(value) ?? reasonOf(thrown), thrown)
    }
  }

  /** Names the first part that does not fit; avsc's own words hold the whole schema. */
  #whyNot(value: unknown): string | undefined {
    let reason: string | undefined
    const errorHook = (path: string[], _part: unknown, type: Type): void => {
      reason ??= `${path.length === 0 ? 'the value' : `'${path.join('.')}'`} is no ${type.name ?? type.typeName.replace(/^union.*/, 'branch of its union')}`
    }
    try {
      this.#type.isValid(value, { errorHook } as never)
    } catch (thrown) {
      reason ??= reasonOf(thrown)
    }
    return reason
  }
}
