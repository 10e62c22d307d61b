import { json, type Serde } from '@riacho/streams'
import { failure } from './errors.ts'

/** The schema that `JsonConverter` writes beside a value. */
export interface ConnectSchema {
  readonly type:
    | 'struct'
    | 'array'
    | 'map'
    | 'string'
    | 'boolean'
    | 'bytes'
    | 'int8'
    | 'int16'
    | 'int32'
    | 'int64'
    | 'float'
    | 'float32'
    | 'double'
    | 'float64'
  readonly optional?: boolean
  /** The logical type, such as `org.apache.kafka.connect.data.Decimal`. */
  readonly name?: string
  readonly field?: string
  readonly fields?: readonly ConnectSchema[]
  readonly items?: ConnectSchema
  readonly keys?: ConnectSchema
  readonly values?: ConnectSchema
  readonly parameters?: Readonly<Record<string, string>>
  readonly [attribute: string]: unknown
}

/** Options of {@link connectJson}. */
export interface ConnectJsonOptions {
  /** What is written beside each value. Without one the serde only reads. */
  readonly schema?: ConnectSchema
}

const documents = json<unknown>()
/** Structs and arrays within each other. */
export const depthMax = 64

/**
 * What Kafka Connect's `JsonConverter` writes with `schemas.enable=true`: `{ schema, payload }`. The value is the payload, with what its schema says: `Decimal` is text
 * as `12.30`, `bytes` a Buffer, `Date` text as `2026-11-21`, times are numbers. With `schemas.enable=false` it writes plain JSON: take `json`. What `StringConverter`
 * writes is `text`. Throws `RIACHO_CONNECT_JSON`.
 *
 * @example
 * topic('orders', { key: text, value: connectJson<Order>() })
 */
export function connectJson<T>({ schema }: ConnectJsonOptions = {}): Serde<T> {
  const encode = (value: T): Uint8Array => {
    if (schema === undefined) throw failure('RIACHO_CONNECT_JSON', 'this serde only reads: give it the schema to write')
    return documents.encode({ schema, payload: turned(schema, value, 'write', depthMax) })
  }
  return Object.freeze({
    encode,
    decode: (bytes: Uint8Array) => payloadOf(documents.decode(bytes)) as T,
    decodeAt: (frame: Buffer, start: number, end: number) => payloadOf(documents.decodeAt!(frame, start, end)) as T,
  })
}

/** The payload of a document, turned as its schema says. */
export function payloadOf(document: unknown): unknown {
  if (!isObject(document) || !('payload' in document) || !('schema' in document))
    throw failure('RIACHO_CONNECT_JSON', 'this is no { schema, payload }: with schemas.enable=false take json')
  const { schema, payload } = document
  // Without a schema Connect writes a null one and any JSON.
  if (schema === null) return payload
  if (!isObject(schema)) throw failure('RIACHO_CONNECT_JSON', 'the schema is no object')
  return turned(schema as unknown as ConnectSchema, payload, 'read', depthMax)
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const dayMs = 86_400_000

/** A value as its schema says, from the document or for it. What needs no turning is itself. */
function turned(schema: ConnectSchema, value: unknown, way: 'read' | 'write', levels: number): unknown {
  if (levels === 0) throw failure('RIACHO_CONNECT_JSON', `a schema has more than ${depthMax} levels`)
  if (!isObject(schema)) throw failure('RIACHO_CONNECT_JSON', 'a part of the schema is missing')
  if (value === null || value === undefined) {
    if (schema.optional === true || 'default' in schema || way === 'read') return value ?? null
    throw failure('RIACHO_CONNECT_JSON', `'${schema.field ?? schema.type}' is not optional and has no value`)
  }
  switch (schema.type) {
    case 'struct':
      return struct(schema, value, way, levels)
    case 'array':
      if (!Array.isArray(value)) throw wrong(schema, 'a list')
      return value.map(item => turned(schema.items!, item, way, levels - 1))
    case 'map':
      return map(schema, value, way, levels)
    case 'bytes':
      return way === 'read' ? bytesRead(schema, value) : bytesWritten(schema, value)
    case 'int32':
      return schema.name === 'org.apache.kafka.connect.data.Date' ? date(schema, value, way) : value
    default:
      return value
  }
}

const wrong = (schema: ConnectSchema, wanted: string) =>
  failure('RIACHO_CONNECT_JSON', `'${schema.field ?? schema.name ?? schema.type}' is not ${wanted}, as its schema says`)

function struct(schema: ConnectSchema, value: unknown, way: 'read' | 'write', levels: number): unknown {
  if (!isObject(value) || !Array.isArray(schema.fields)) throw wrong(schema, 'an object')
  const made: Record<string, unknown> = {}
  for (const field of schema.fields as readonly ConnectSchema[]) {
    const name = field?.field
    if (typeof name !== 'string' || name === '__proto__') throw failure('RIACHO_CONNECT_JSON', 'a field of a schema has no name')
    made[name] = turned(field, Object.hasOwn(value, name) ? value[name] : undefined, way, levels - 1)
  }
  return made
}

/** With keys that are text a map is an object; else a list of pairs. */
function map(schema: ConnectSchema, value: unknown, way: 'read' | 'write', levels: number): unknown {
  const { keys, values } = schema
  const one = (item: unknown) => turned(values!, item, way, levels - 1)
  if (Array.isArray(value)) {
    if (!value.every(pair => Array.isArray(pair) && pair.length === 2)) throw wrong(schema, 'a list of pairs')
    return value.map(([key, item]) => [turned(keys!, key, way, levels - 1), one(item)])
  }
  if (!isObject(value)) throw wrong(schema, 'a map')
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, one(item)]))
}

const decimal = 'org.apache.kafka.connect.data.Decimal'
/** Most bytes of a decimal: how long turning it into text takes grows with their square. */
export const decimalBytesMax = 1024

function bytesRead(schema: ConnectSchema, value: unknown): unknown {
  if (schema.name === decimal && typeof value === 'number') return String(value)
  if (typeof value !== 'string') throw wrong(schema, 'bytes')
  // `decimal.format=NUMERIC` writes a number, and text only when it is asked to.
  const bytes = Buffer.from(value, 'base64')
  if (schema.name !== decimal) return bytes
  if (bytes.length === 0 || bytes.length > decimalBytesMax) throw wrong(schema, 'a decimal')
  const unscaled = BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`))
  return decimalText(unscaled, scaleOf(schema))
}

function scaleOf(schema: ConnectSchema): number {
  const scale = Number(schema.parameters?.scale)
  if (!(Number.isInteger(scale) && Math.abs(scale) <= decimalBytesMax)) throw wrong(schema, 'a decimal with a scale')
  return scale
}

function decimalText(unscaled: bigint, scale: number): string {
  if (scale <= 0) return String(unscaled * 10n ** BigInt(-scale))
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

function bytesWritten(schema: ConnectSchema, value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  const parts = schema.name === decimal && typeof value === 'string' ? /^([+-]?\d{1,2000})(?:\.(\d{1,2000}))?$/.exec(value) : null
  const scale = parts === null ? 0 : scaleOf(schema)
  const [, whole = '', fraction = ''] = parts ?? []
  if (parts === null || scale < 0 || fraction.length > scale)
    throw wrong(schema, schema.name === decimal ? 'a decimal with so many digits' : 'a Buffer')
  const unscaled = BigInt(whole.replace('+', '') + fraction.padEnd(scale, '0'))
  let length = 1
  while (BigInt.asIntN(length * 8, unscaled) !== unscaled) length++
  const hex = BigInt.asUintN(length * 8, unscaled)
    .toString(16)
    .padStart(length * 2, '0')
  return Buffer.from(hex, 'hex').toString('base64')
}

function date(schema: ConnectSchema, value: unknown, way: 'read' | 'write'): unknown {
  if (way === 'write') {
    const days = typeof value === 'string' ? Date.parse(`${value}T00:00:00Z`) / dayMs : Number.NaN
    if (!Number.isInteger(days)) throw wrong(schema, 'a date such as 2026-11-21')
    return days
  }
  if (typeof value !== 'number' || !(Math.abs(value) <= 100_000_000)) throw wrong(schema, 'a date')
  const text = new Date(value * dayMs).toISOString()
  return text.slice(0, text.indexOf('T'))
}
