import { NotReady, RiachoError, type Serde } from '@riacho/streams/engine'
import type { Type } from 'avsc'
import { bufferOf, Reader, Writer } from './codec.ts'
import { failure } from './errors.ts'
import { type AvroLimits, defaultLimits } from './guard.ts'
import { whyNotForKeys } from './keys.ts'
import type { SchemaRegistry } from './registry.ts'
import { type AvroSchema, compile } from './schema.ts'

/** Options of {@link avro}. */
export interface AvroOptions {
  readonly registry: SchemaRegistry
  /** What values are: written with this schema, and read as it whatever schema wrote them. Default: written with the subject's latest, read as they were written. */
  readonly schema?: AvroSchema
  /** Adds `schema` to the subject when it is not there. Default false: it must be there. */
  readonly register?: boolean
  readonly limits?: Partial<AvroLimits>
}

/** Options of {@link avroKey}. */
export interface AvroKeyOptions extends AvroOptions {
  readonly schema: AvroSchema
}

/** The first byte of what a registry's serializers write; the id of the schema follows in four. */
const magic = 0
const headerBytes = 5

/**
 * Avro values whose schemas a registry keeps, framed as Confluent's serializers frame them. Bytes of a schema that is not known yet pause their partition until the
 * registry has answered. For values: equal values have other bytes under another id, so keys take {@link avroKey}. Decoding throws `RIACHO_AVRO_BYTES`,
 * `RIACHO_SCHEMA_ID`, `RIACHO_AVRO_SCHEMA`; encoding `RIACHO_AVRO_VALUE`.
 *
 * @example
 * const registry = schemaRegistry({ url: 'http://localhost:8081' })
 * topic('pulses', { key: text, value: avro<Pulse>('pulses-value', { registry, schema: pulseSchema }) })
 */
export function avro<T>(subject: string, options: AvroOptions): Serde<T> & Prepared {
  if (options.register === true && options.schema === undefined)
    throw new RiachoError('RIACHO_OPTION', `'${subject}': register: true needs the schema to register`)
  const reason = `equal values have other bytes when '${subject}' gets another schema: take avroKey, or avroBinary`
  return serdeOf(new RegistryCodec(subject, options), { notForKeys: reason })
}

/**
 * Avro keys whose schema a registry keeps: of one schema and one id for ever, because the id is in the bytes that choose partition and row. Bytes of another id are
 * refused with `RIACHO_SCHEMA_ID`. A schema in which equal keys may have different bytes is refused with `RIACHO_AVRO_SCHEMA`.
 */
export function avroKey<T>(subject: string, options: AvroKeyOptions): Serde<T> & Prepared {
  const reason = whyNotForKeys(compile(options.schema))
  if (reason !== undefined) throw failure('RIACHO_AVRO_SCHEMA', `'${subject}' is no schema for keys: ${reason}`)
  return serdeOf(new RegistryCodec(subject, options, true), { passId: `avro key ${options.registry.url} ${subject}` })
}

/** A serde that asks a registry before it writes. */
export interface Prepared {
  prepare(): Promise<void>
}

function serdeOf<T>(codec: RegistryCodec, facts: Pick<Serde<T>, 'notForKeys' | 'passId'>): Serde<T> & Prepared {
  return Object.freeze({
    ...facts,
    prepare: () => codec.prepare(),
    encode: (value: T) => codec.writer.encode(value),
    transient: (value: T) => codec.writer.transient(value),
    decode: (bytes: Uint8Array) => codec.decode(bufferOf(bytes), 0, bytes.byteLength) as T,
    decodeAt: (frame: Buffer, start: number, end: number) => codec.decode(frame, start, end) as T,
  })
}

/** What one serde knows of its registry. */
class RegistryCodec {
  readonly #subject: string
  readonly #options: AvroOptions
  readonly #limits: AvroLimits
  readonly #type: Type | undefined
  /** Keys: no other id is read. */
  readonly #pinned: boolean
  readonly #readers = new Map<number, Reader>()
  #lastId = -1
  #lastReader: Reader | undefined
  #id = -1
  #writer: Writer | undefined
  #preparing: Promise<void> | undefined
  /** The latest schema was asked for too long ago. */
  #stale = false

  constructor(subject: string, options: AvroOptions, pinned = false) {
    if (subject === '') throw new RiachoError('RIACHO_OPTION', "a subject has a name, such as 'orders-value'")
    this.#subject = subject
    this.#options = options
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#type = options.schema === undefined ? undefined : compile(options.schema)
    this.#pinned = pinned
  }

  /** Finds out with which id to write. Rejects with `RIACHO_REGISTRY`, `RIACHO_AVRO_SCHEMA`. */
  prepare(): Promise<void> {
    if (this.#writer !== undefined) return Promise.resolve()
    this.#preparing ??= this.#resolve().finally(() => {
      this.#preparing = undefined
    })
    return this.#preparing
  }

  get writer(): Writer {
    if (this.#stale) this.#refresh()
    if (this.#writer !== undefined) return this.#writer
    const until = this.prepare().catch(() => {})
    throw new NotReady(`the schema with which to write '${this.#subject}' is not known yet: await prepare() of its serde before`, until)
  }

  decode(frame: Buffer, start: number, end: number): unknown {
    if (end - start < headerBytes || frame[start] !== magic)
      throw failure('RIACHO_AVRO_BYTES', 'this has no schema id before it: it was not written by a serializer with a registry')
    const id = frame.readInt32BE(start + 1)
    const reader = id === this.#lastId ? this.#lastReader! : this.#readerOf(id)
    return reader.decode(frame, start + headerBytes, end)
  }

  #readerOf(id: number): Reader {
    const reader = this.#readers.get(id) ?? this.#newReader(id)
    this.#lastId = id
    this.#lastReader = reader
    return reader
  }

  #newReader(id: number): Reader {
    const { registry } = this.#options
    if (this.#pinned) this.#checkKey(id)
    const type = registry.known(id)
    if (type === undefined) throw new NotReady(`schema ${id} is asked for at ${registry.url}`, registry.search(id))
    const reader = new Reader(type, this.#type, this.#limits)
    // As many as the registry keeps: ids come out of messages.
    if (this.#readers.size >= 1000) this.#readers.clear()
    this.#readers.set(id, reader)
    return reader
  }

  #checkKey(id: number): void {
    if (this.#id < 0) throw new NotReady(`the schema of the keys of '${this.#subject}' is not known yet`, this.#settled())
    if (id !== this.#id) {
      const message = `a key of '${this.#subject}' has schema ${id}, not ${this.#id}: equal keys would be in other partitions and rows; write keys with one schema`
      throw failure('RIACHO_SCHEMA_ID', message)
    }
  }

  /** Ends when prepare has ended, one way or the other. */
  #settled(): Promise<void> {
    return this.prepare().catch(() => {})
  }

  async #resolve(): Promise<void> {
    const { registry, schema, register } = this.#options
    if (schema === undefined) await this.#takeLatest()
    else
      this.#write(
        register === true ? await registry.register(this.#subject, schema) : await registry.idOf(this.#subject, schema),
        this.#type!,
      )
  }

  async #takeLatest(): Promise<void> {
    const { registry } = this.#options
    const id = await registry.latest(this.#subject)
    if (id !== this.#id) this.#write(id, await registry.typeOf(id))
    // Unreferenced: it keeps nobody alive.
    setTimeout(() => {
      this.#stale = true
    }, registry.latestMs).unref()
  }

  /** Asks for the latest schema again and writes with the one before meanwhile, also when there is no answer. */
  #refresh(): void {
    this.#stale = false
    this.#takeLatest().catch(() => {
      setTimeout(() => {
        this.#stale = true
      }, this.#options.registry.attempts.backoffMs.max).unref()
    })
  }

  #write(id: number, type: Type): void {
    const prefix = Buffer.alloc(headerBytes)
    prefix.writeInt32BE(id, 1)
    this.#id = id
    this.#writer = new Writer(type, prefix)
    // What it writes itself it can read without asking.
    if (this.#type !== undefined) this.#readers.set(id, new Reader(this.#type, undefined, this.#limits))
  }
}
