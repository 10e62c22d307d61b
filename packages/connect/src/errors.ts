import { RiachoError } from '@riacho/streams/engine'

/** Every code of this package, with what it means. The message of an error says what to do. */
export const codes = {
  RIACHO_CONNECT: 'Kafka Connect does not answer, or refuses',
  RIACHO_CONNECTOR: 'a definition of a connector that is none',
  RIACHO_CONNECTOR_FAILED: 'a connector or a task of it failed',
} as const

/** An error of this package. */
export const failure = (code: keyof typeof codes, message: string, cause?: unknown): RiachoError =>
  new RiachoError(code, message, { cause })
