import { RiachoError, reasonOf } from '@riacho/streams/engine'

/** Every code of this package, with what it means. The message of an error says what to do. */
export const codes = {
  RIACHO_RABBITMQ_OPTION: 'an option that cannot be right',
  RIACHO_RABBITMQ_QUEUE: 'a queue that cannot be read',
} as const

/** An option that cannot be right. */
export const optionError = (message: string): RiachoError => new RiachoError('RIACHO_RABBITMQ_OPTION', message)

/** AMQP's reply codes. */
const hints: Readonly<Record<number, string>> = {
  403: 'may not be read: correct user and password, and grant configure and read on it',
  404: 'does not exist: create it, or give the option create',
  405: 'is another connection’s alone (exclusive)',
  406: 'is there with other properties: give what it has, or leave create away',
}

/** A queue that cannot be read, or no longer. */
export const queueError = (queue: string, cause: unknown): RiachoError => {
  const { code } = cause as { code?: unknown }
  const hint = typeof code === 'number' ? hints[code] : undefined
  return new RiachoError(
    'RIACHO_RABBITMQ_QUEUE',
    `queue ${queue} ${hint ?? 'cannot be read: look at url and the server'} (${reasonOf(cause)})`,
    { cause },
  )
}
