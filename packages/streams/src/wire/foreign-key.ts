import type { Serde } from '../contract/serde.ts'

/** What the other side does with a subscription (Kafka Streams: `SubscriptionWrapper.Instruction`). */
export const instruction = {
  /** Forgets it. */
  delete: 0,
  /** Forgets it, and answers that there is no row. */
  deleteAndAnswer: 1,
  /** Keeps it, and answers with the row or that there is none. */
  answer: 2,
  /** Keeps it, and answers if there is a row. */
  answerIfFound: 3,
} as const

/** One of {@link instruction}. */
export type Instruction = (typeof instruction)[keyof typeof instruction]

/** What a left row tells the task of its foreign key (Kafka Streams: `SubscriptionWrapper`). */
export interface Subscription<K> {
  /** `murmur3` of the left value's bytes; null for a deleted row. */
  readonly hash: string | null
  readonly instruction: Instruction
  /** The left row's key. */
  readonly key: K
  /** Where the answer goes; undefined in messages of version 0, whose answers go where the key does. */
  readonly partition: number | undefined
}

/** What the task of a foreign key tells a left row (Kafka Streams: `SubscriptionResponseWrapper`). */
export interface Answer<V> {
  /** Of the subscription that it answers. */
  readonly hash: string | null
  readonly value: V | null
  /** Where it goes; not part of the message. */
  readonly partition: number | undefined
}

const withoutHash = 0x80
const hashBytes = 16

/** Writes version 1, or 0 when there is no partition: version, instruction, hash if any, key, partition. Reads both. */
export function subscriptionSerde<K>(key: Serde<K>): Serde<Subscription<K>> {
  return {
    encode: ({ hash, instruction: told, key: row, partition }) => {
      const raw = key.encode(row)
      const start = hash === null ? 2 : 2 + hashBytes
      const out = Buffer.allocUnsafe(start + raw.length + (partition === undefined ? 0 : 4))
      writeHead(out, partition === undefined ? 0 : 1, hash, 2)
      out[1] = told
      out.set(raw, start)
      if (partition !== undefined) out.writeInt32BE(partition, start + raw.length)
      return out
    },
    decode: raw => {
      const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
      const { version, hash, end } = readHead(bytes, 1, 2)
      const told = bytes[1]!
      if (told > 3) throw new RangeError(`a subscription's instruction is 0 to 3, not ${told}`)
      const keyEnd = version === 0 ? bytes.length : bytes.length - 4
      if (keyEnd < end) throw new RangeError('a subscription that is cut short')
      return {
        hash,
        instruction: told as Instruction,
        key: key.decode(bytes.subarray(end, keyEnd)),
        partition: version === 0 ? undefined : bytes.readInt32BE(keyEnd),
      }
    },
  }
}

/** Writes version, hash if any, and the row's value; a value of no bytes is read as none, as Kafka Streams reads it. */
export function answerSerde<V>(value: Serde<V>): Serde<Answer<V>> {
  return {
    encode: ({ hash, value: row }) => {
      const raw = row === null ? none : value.encode(row)
      const start = hash === null ? 1 : 1 + hashBytes
      const out = Buffer.allocUnsafe(start + raw.length)
      writeHead(out, 0, hash, 1)
      out.set(raw, start)
      return out
    },
    decode: raw => {
      const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
      const { hash, end } = readHead(bytes, 0, 1)
      return { hash, value: bytes.length === end ? null : value.decode(bytes.subarray(end)), partition: undefined }
    },
  }
}

const none = new Uint8Array(0)

function writeHead(out: Buffer, version: number, hash: string | null, at: number): void {
  out[0] = hash === null ? version | withoutHash : version
  if (hash !== null) out.latin1Write(hash, at)
}

function readHead(bytes: Buffer, versionMax: number, at: number): { version: number; hash: string | null; end: number } {
  const first = bytes[0] ?? 0
  const version = first & ~withoutHash
  const hashed = (first & withoutHash) === 0
  const end = hashed ? at + hashBytes : at
  if (version > versionMax) throw new RangeError(`a foreign-key message of version ${version}, which is not known here`)
  if (bytes.length < end) throw new RangeError('a foreign-key message that is cut short')
  return { version, hash: hashed ? bytes.latin1Slice(at, end) : null, end }
}

/** Keys of subscription stores: the foreign key's length in 4 bytes, the foreign key, the left row's key (Kafka Streams: `CombinedKeySchema`). */
export class CombinedKey {
  #buffer = Buffer.alloc(256)

  /** The bytes; valid until the next call. */
  of(foreign: string | Uint8Array, primary: string | Uint8Array): Uint8Array {
    const most = 4 + (foreign.length + primary.length) * 3
    if (most > this.#buffer.length) this.#buffer = Buffer.alloc(most * 2)
    const middle = this.#write(foreign, 4)
    const end = this.#write(primary, middle)
    this.#buffer.writeInt32BE(middle - 4, 0)
    return this.#buffer.subarray(0, end)
  }

  #write(part: string | Uint8Array, at: number): number {
    if (typeof part === 'string') return at + this.#buffer.utf8Write(part, at)
    this.#buffer.set(part, at)
    return at + part.length
  }

  /** Where the left row's key begins; the foreign key begins at 4. */
  static split(key: Uint8Array): number {
    return 4 + Buffer.from(key.buffer, key.byteOffset, key.byteLength).readInt32BE(0)
  }
}
