import type { Serde } from '@riacho/streams'
import { bufferOf, Reader, Writer } from './codec.ts'
import { type AvroLimits, defaultLimits } from './guard.ts'
import { whyNotForKeys } from './keys.ts'
import { type AvroSchema, compile } from './schema.ts'

/** Options of Avro without a registry. */
export interface AvroBinaryOptions {
  readonly limits?: Partial<AvroLimits>
}

/**
 * Avro as bare bytes, without the number of a schema before them: for keys and state, of which equal values then have equal bytes whatever a registry numbers. A change
 * of the schema is a change of the bytes: nothing says which schema wrote them. Throws `RIACHO_AVRO_SCHEMA`; decoding throws `RIACHO_AVRO_BYTES`, encoding
 * `RIACHO_AVRO_VALUE`.
 *
 * @example
 * rekey('by-sensor', reading => reading.sensor, { key: avroBinary<Sensor>({ type: 'record', name: 'Sensor', fields: [{ name: 'id', type: 'long' }] }) })
 */
export function avroBinary<T>(schema: AvroSchema, { limits }: AvroBinaryOptions = {}): Serde<T> {
  const type = compile(schema)
  const reader = new Reader(type, undefined, { ...defaultLimits, ...limits })
  const writer = new Writer(type, new Uint8Array(0))
  const notForKeys = whyNotForKeys(type)
  return Object.freeze({
    ...(notForKeys !== undefined && { notForKeys }),
    passId: `avro ${type.fingerprint('sha256').toString('hex')}`,
    encode: (value: T) => writer.encode(value),
    transient: (value: T) => writer.transient(value),
    decode: (bytes: Uint8Array) => reader.decode(bufferOf(bytes), 0, bytes.byteLength) as T,
    decodeAt: (frame: Buffer, start: number, end: number) => reader.decode(frame, start, end) as T,
  })
}
