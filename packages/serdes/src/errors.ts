import { RiachoError } from '@riacho/streams'

/** Every code of this package, with what it means. The message of an error says what to do. */
export const codes = {
  RIACHO_AVRO_SCHEMA: 'an Avro schema that is none, is too large, or does not fit another one',
  RIACHO_AVRO_BYTES: 'bytes that are no value of their Avro schema',
  RIACHO_AVRO_VALUE: 'a value that does not fit its Avro schema',
  RIACHO_SCHEMA_ID: 'a schema id that the registry does not have, or that a key may not have',
  RIACHO_REGISTRY: 'the schema registry does not answer, or refuses',
  RIACHO_CONNECT_JSON: 'a document that is not what Kafka Connect writes',
} as const

/** An error of this package. */
export const failure = (code: keyof typeof codes, message: string, cause?: unknown): RiachoError =>
  new RiachoError(code, message, { cause })
