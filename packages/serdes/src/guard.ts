import { isUtf8 } from 'node:buffer'
import type { Type, types } from 'avsc'
import { failure } from './errors.ts'

/** What a message may hold. It is looked through before it is decoded, so that a lie about a length costs nothing. */
export interface AvroLimits {
  /** Bytes of a message. Default 16 MiB. */
  readonly bytesMax: number
  /** How deep a record that holds itself may go. Default 64. */
  readonly depthMax: number
  /** Values in the arrays and maps of a message, the fields of their records among them. Default 1,000,000. */
  readonly valuesMax: number
}

/** The limits unless others are given. */
export const defaultLimits: AvroLimits = Object.freeze({ bytesMax: 16 << 20, depthMax: 64, valuesMax: 1_000_000 })

/** Throws `RIACHO_AVRO_BYTES` unless `frame[start, end)` is exactly one value that its decoder reads within these bytes and within the limits. */
export type Guard = (frame: Buffer, start: number, end: number) => void

type Walk = () => void

/** Items that take no bytes: nothing but a limit bounds how many a message may declare. */
export const emptyItemsMax = 10_000
/** Values of which one value without arrays and maps may be made: records of records grow without a byte. */
export const nodesMax = 100_000

// One walk at a time: decoding is synchronous. Numbers here instead of a cursor object, because every byte of every message passes.
let frame: Uint8Array = Buffer.alloc(0)
let at = 0
let end = 0
let values = 0
let depth = 0

/** The guard of a type's messages. Throws `RIACHO_AVRO_SCHEMA` for a type whose values would be too large whatever the message says. */
export function guardOf(type: Type, limits: AvroLimits): Guard {
  const walk = new Walks(limits).of(type)
  return (bytes, start, stop) => {
    if (stop - start > limits.bytesMax)
      throw failure('RIACHO_AVRO_BYTES', `a message of ${stop - start} bytes is longer than bytesMax (${limits.bytesMax})`)
    frame = bytes
    at = start
    end = stop
    values = limits.valuesMax
    depth = limits.depthMax
    walk()
    if (at !== end) throw at > end ? shortened() : failure('RIACHO_AVRO_BYTES', `${end - at} bytes follow the value`)
  }
}

const shortened = () => failure('RIACHO_AVRO_BYTES', 'the message is cut short')

/** Makes the walks of the types of one schema. */
class Walks {
  readonly #limits: AvroLimits
  readonly #made = new Map<Type, { walk: Walk }>()
  readonly #sizes = new Map<Type, Size>()

  constructor(limits: AvroLimits) {
    this.#limits = limits
  }

  of(type: Type): Walk {
    const { fixed, nodes } = this.#size(type)
    if (nodes > nodesMax) throw failure('RIACHO_AVRO_SCHEMA', `one value of the schema is more than ${nodesMax} values: make it smaller`)
    if (fixed !== undefined) return skip(fixed)
    switch (type.typeName) {
      case 'int':
      case 'enum':
        return skipInt
      case 'long':
        return skipLong
      case 'bytes':
        return skipBytes
      case 'string':
        return skipString
      case 'array':
        return this.#items((type as types.ArrayType).itemsType, undefined)
      case 'map':
        return this.#items((type as types.MapType).valuesType, skipKey)
      case 'union:unwrapped':
      case 'union:wrapped':
        return union((type as types.UnwrappedUnionType).types.map(branch => this.of(branch)))
      case 'record':
      case 'error':
        return this.#record(type as types.RecordType)
      default:
        return this.of((type as types.LogicalType).underlyingType)
    }
  }

  #record(type: types.RecordType): Walk {
    const found = this.#made.get(type)
    // Only a record that holds itself comes here before its walk is made, or once it is: depth is counted where it does.
    if (found !== undefined) {
      const { nodes } = this.#size(type)
      return () => this.#deeper(found, nodes)
    }
    const made = { walk: (): void => {} }
    this.#made.set(type, made)
    const parts: Walk[] = []
    let run = 0
    for (const field of type.fields) {
      const { fixed } = this.#size(field.type)
      if (fixed !== undefined) {
        run += fixed
        continue
      }
      if (run > 0) parts.push(skip(run))
      run = 0
      parts.push(this.of(field.type))
    }
    if (run > 0) parts.push(skip(run))
    made.walk = sequence(parts)
    return made.walk
  }

  #deeper(record: { readonly walk: Walk }, nodes: number): void {
    values -= nodes
    if (values < 0) throw this.#tooMany(1)
    if (--depth < 0) throw failure('RIACHO_AVRO_BYTES', `a record holds itself more than ${this.#limits.depthMax} times (depthMax)`)
    record.walk()
    depth++
  }

  #items(item: Type, key: Walk | undefined): Walk {
    const size = this.#size(item)
    const least = size.least + (key === undefined ? 0 : 1)
    const fixed = key === undefined ? size.fixed : undefined
    const one = fixed === undefined ? this.of(item) : undefined
    const walk = one !== undefined && key !== undefined ? both(key, one) : one
    return () => {
      for (let count = long(); count !== 0; count = long()) {
        const stop = count < 0 ? blockEnd() : -1
        const number = Math.abs(count)
        const most = least === 0 ? emptyItemsMax : Math.floor((end - at) / least)
        if (number > most || number * size.nodes > values) throw this.#tooMany(number)
        values -= number * size.nodes
        if (walk === undefined) at += fixed! * number
        else for (let i = 0; i < number; i++) walk()
        // What a decoder skips by this size must be what others read item by item.
        if (stop >= 0 && at !== stop) throw failure('RIACHO_AVRO_BYTES', 'a block of items is not as long as it says')
      }
    }
  }

  #tooMany(count: number): Error {
    return failure(
      'RIACHO_AVRO_BYTES',
      `${count} items are declared, more than ${end - at} bytes hold or than may be (valuesMax ${this.#limits.valuesMax})`,
    )
  }

  #size(type: Type): Size {
    const known = this.#sizes.get(type)
    if (known !== undefined) return known
    // A record that holds itself is met again here: it takes no more than its own bytes.
    this.#sizes.set(type, { fixed: undefined, least: 0, nodes: 1 })
    const size = this.#sizeOf(type)
    this.#sizes.set(type, size)
    return size
  }

  #sizeOf(type: Type): Size {
    const fixed = fixedSizes[type.typeName]
    if (fixed !== undefined) return { fixed, least: fixed, nodes: 1 }
    if (type.typeName === 'fixed') {
      const { size } = type as types.FixedType
      return { fixed: size, least: size, nodes: 1 }
    }
    if (type.typeName.startsWith('logical')) return this.#size((type as types.LogicalType).underlyingType)
    if (type.typeName === 'record' || type.typeName === 'error') {
      const sizes = (type as types.RecordType).fields.map(field => this.#size(field.type))
      const sum = (of: (size: Size) => number): number => sizes.reduce((total, size) => total + of(size), 0)
      const isFixed = sizes.every(size => size.fixed !== undefined)
      return { fixed: isFixed ? sum(size => size.fixed!) : undefined, least: sum(size => size.least), nodes: 1 + sum(size => size.nodes) }
    }
    const branches = type.typeName.startsWith('union') ? (type as types.UnwrappedUnionType).types : []
    return { fixed: undefined, least: 1, nodes: branches.reduce((most, branch) => Math.max(most, this.#size(branch).nodes), 1) }
  }
}

/** Bytes of a type's values: always so many, or at least so many; and of how many values one is made at least. */
interface Size {
  readonly fixed: number | undefined
  readonly least: number
  readonly nodes: number
}

const fixedSizes: Readonly<Record<string, number>> = { null: 0, boolean: 1, float: 4, double: 8 }

const skip =
  (size: number): Walk =>
  () => {
    at += size
  }

const both =
  (first: Walk, second: Walk): Walk =>
  () => {
    first()
    second()
  }

function sequence(parts: readonly Walk[]): Walk {
  const [first, second, third] = parts
  if (first === undefined) return () => {}
  if (second === undefined) return first
  if (third === undefined) return both(first, second)
  if (parts.length === 3)
    return () => {
      first()
      second()
      third()
    }
  return () => {
    for (let i = 0; i < parts.length; i++) parts[i]!()
  }
}

const union =
  (branches: readonly Walk[]): Walk =>
  () => {
    const index = long()
    const walk = branches[index]
    if (walk === undefined) throw failure('RIACHO_AVRO_BYTES', `a union has no branch ${index}`)
    walk()
  }

function skipInt(): void {
  if (frame[at]! < 0x80) {
    at++
    return
  }
  const start = at
  while (frame[at]! & 0x80) at++
  at++
  if (at - start > 4 && (at - start > 5 || frame[at - 1]! > 0x0f)) throw failure('RIACHO_AVRO_BYTES', 'an int has more than 32 bits')
}

function skipLong(): void {
  const bytes = frame
  const start = at
  let to = start
  while (bytes[to]! & 0x80) to++
  at = ++to
  if (to - start > 9 && (to - start > 10 || bytes[to - 1]! > 1)) throw failure('RIACHO_AVRO_BYTES', 'a long has more than 64 bits')
}

/** A count, a length or an index. */
function long(): number {
  let byte = frame[at++]!
  // Nearly all are short.
  if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
  let value = byte & 0x7f
  for (let scale = 128, bytes = 1; byte & 0x80; scale *= 128) {
    if (++bytes > 10) throw failure('RIACHO_AVRO_BYTES', 'a length has more than 64 bits')
    byte = frame[at++]!
    value += (byte & 0x7f) * scale
  }
  // Past the end of the frame there is nothing but NaN, which no comparison lets through.
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}

function blockEnd(): number {
  const size = long()
  if (!(size >= 0 && size <= end - at)) throw failure('RIACHO_AVRO_BYTES', `a block of ${size} bytes where ${end - at} are left`)
  return at + size
}

function skipBytes(): void {
  const size = long()
  if (!(size >= 0 && size <= end - at)) throw failure('RIACHO_AVRO_BYTES', `a length of ${size} where ${end - at} bytes are left`)
  at += size
}

/** Longest text whose bytes are looked at here: a call costs more. */
const shortText = 24

function skipString(): void {
  const bytes = frame
  let from = at
  const first = bytes[from]!
  // Nearly all are short; an odd one is negative.
  const size = first < 0x80 && (first & 1) === 0 ? first >>> 1 : long()
  from = first < 0x80 ? from + 1 : at
  const to = from + size
  if (!(size >= 0 && to <= end)) throw failure('RIACHO_AVRO_BYTES', `a length of ${size} where ${end - from} bytes are left`)
  at = to
  let high = 0
  if (size <= shortText) for (let i = from; i < to; i++) high |= bytes[i]!
  else high = 0x80
  // Other bytes would become U+FFFD: a changed text would pass for what was sent.
  if (high & 0x80 && !isUtf8(bytes.subarray(from, to))) throw failure('RIACHO_AVRO_BYTES', 'a string is no UTF-8')
}

function skipKey(): void {
  const start = at
  skipString()
  // Assigned to an object it would not become a key but another prototype.
  if (at - start === 10 && frame[start + 1] === 95 && Buffer.from(frame.subarray(start + 1, at)).toString('latin1') === '__proto__')
    throw failure('RIACHO_AVRO_BYTES', "a map has the key '__proto__'")
}
