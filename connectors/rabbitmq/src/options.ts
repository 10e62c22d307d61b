import type { Serde } from '@riacho/streams'
import { optionError } from './errors.ts'

/** Where a RabbitMQ is, and who we are. */
export interface RabbitServer {
  /** `amqp[s]://[user[:password]@]host[:port][/vhost]`. Default `amqp://localhost`. */
  readonly url?: string
  /** Of the connection to an `amqps:` address, beside what Node takes for granted. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly servername?: string }
  /** Most milliseconds for connecting. Default 10,000. */
  readonly connectTimeout?: number
  /** Milliseconds between two signs of life; after twice as many without one the connection is given up. Default 10,000. */
  readonly heartbeat?: number
}

/** What `rabbitSource` takes. */
export interface RabbitSourceOptions<V> extends RabbitServer {
  readonly queue: string
  /** Make the queue, durable, of this type, when it is missing. Default: it must be there. */
  readonly create?: 'quorum' | 'classic'
  readonly value: Serde<V>
  /** What the key of a record is. Default: it is null. */
  readonly key?: 'messageId' | 'correlationId' | 'routingKey'
  /** Messages received and not yet covered by a commit (the prefetch count); RabbitMQ sends no more before a commit. Default 10,000. */
  readonly pendingMax?: number
  /** Partitions: so many tasks read the queue side by side. Default 1. */
  readonly partitions?: number
  /** Default: `rabbitmq-` and the queue. */
  readonly name?: string
}

const whole = (what: string, value: number | undefined, least: number, most: number): void => {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) return
  throw optionError(`${what} is ${value}: give a whole number from ${least} to ${most}`)
}

/** Checks the options. Throws `RIACHO_RABBITMQ_OPTION`. */
export const checkSource = <V>(options: RabbitSourceOptions<V>): void => {
  const { url, queue, create } = options
  if (url !== undefined && !(/^amqps?:\/\//.test(url) && URL.canParse(url)))
    throw optionError(
      'url is no address of RabbitMQ: give amqp://user:password@host:port/vhost, or amqps:// with TLS, and escape what is special in a password',
    )
  if (queue === '' || Buffer.byteLength(queue) > 255) throw optionError(`queue is "${queue}": give a name of 1 to 255 bytes`)
  if (create !== undefined && !['quorum', 'classic'].includes(create)) throw optionError(`create is "${create}": give quorum or classic`)
  whole('connectTimeout', options.connectTimeout, 1, 600_000)
  whole('heartbeat', options.heartbeat, 1000, 600_000)
  whole('pendingMax', options.pendingMax, 1, 65_535)
  whole('partitions', options.partitions, 1, 1000)
}
