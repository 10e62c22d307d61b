import type { SQSClient } from '@aws-sdk/client-sqs'
import type { Serde, StreamRecord } from '@riacho/streams'
import { optionError } from './errors.ts'

/** Where a queue is, and who we are. */
export interface Queue {
  /** The queue's name or URL. One that ends in `.fifo` is a FIFO queue. */
  readonly queue: string
  /** Default: as the AWS SDK finds them. */
  readonly region?: string
  readonly endpoint?: string
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }
  /** A client made elsewhere, instead of the three above. It is not destroyed. Set its `maxAttempts` to 1: trying again is the stage's. */
  readonly client?: SQSClient
  /** Most milliseconds for one request, beside the time that it waits for messages. Default 10,000. */
  readonly requestTimeout?: number
  /** Default: `sqs-` and the queue's name. */
  readonly name?: string
}

/** What `sqs` takes. */
export interface SqsOptions<K, V> extends Queue {
  /** Make the queue when it is missing; a FIFO one with content-based deduplication. Default false. */
  readonly create?: boolean
  /** The text of a message. Called once per try of a record; what it throws makes the record a poison one. Default: the value as JSON. */
  readonly body?: (value: V, record: StreamRecord<K, V>) => string
  /** Of a FIFO queue: what keeps its order. Default: the record's key as text. What SQS does not take as a group stands as its SHA-256. */
  readonly group?: (value: V, record: StreamRecord<K, V>) => string
  /**
   * Of a FIFO queue, which takes a message with the same id only once in five minutes. 'content' (default): equal bodies are one message. 'position': each input record is one, whatever
   * its body, so that nothing but a second write of it is dropped. Or a function that gives the id.
   */
  readonly deduplication?: 'content' | 'position' | ((value: V, record: StreamRecord<K, V>) => string)
  /** Text attributes of the message. */
  readonly attributes?: (value: V, record: StreamRecord<K, V>) => Readonly<Record<string, string>>
  /**
   * Whether one request may take several messages of a group. Then a group is quicker by far, but when SQS takes only some of a request, what it took stands before what is sent
   * again. Default false: no message of a group is sent before the one before it was taken.
   */
  readonly groupBatches?: boolean
  /** Requests of one batch of the stage that are under way at once. Default 8. */
  readonly requestsMax?: number
  /** Longest body, and all bodies of a request, in bytes of UTF-8. Default 262,144. */
  readonly requestBytesMax?: number
}

/** What `sqsSource` takes. */
export interface SqsSourceOptions<V> extends Queue {
  readonly value: Serde<V>
  /** Seconds for which a message that was received is hidden from others; prolonged while the pipeline has it. Default 30. */
  readonly visibility?: number
  /** Seconds that one request waits for a message. Default 2, at most 20. */
  readonly wait?: number
  /** Messages received and not yet covered by a commit; beyond it nothing is read. Default 10,000. */
  readonly pendingMax?: number
  /** Partitions: so many tasks read the queue side by side. Default 1. */
  readonly partitions?: number
}

/** The name of a queue, of a name or a URL. */
export const nameOf = (queue: string): string => queue.slice(queue.lastIndexOf('/') + 1)

/** Whether a queue keeps the order of its groups. */
export const isFifo = (queue: string): boolean => queue.endsWith('.fifo')

const whole = (what: string, value: number | undefined, least: number, most: number): void => {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) return
  throw optionError(`${what} is ${value}: give a whole number from ${least} to ${most}`)
}

const checkQueue = ({ queue, requestTimeout }: Queue): void => {
  if (!/^[A-Za-z0-9_-]{1,75}(\.fifo)?$/.test(nameOf(queue)))
    throw optionError(`queue is "${queue}": give its URL, or its name of letters, digits, '_' and '-'`)
  whole('requestTimeout', requestTimeout, 1, 600_000)
}

/** Checks the options of a sink. Throws `RIACHO_SQS_OPTION`. */
export const checkSink = <K, V>(options: SqsOptions<K, V>): void => {
  checkQueue(options)
  whole('requestsMax', options.requestsMax, 1, 1000)
  whole('requestBytesMax', options.requestBytesMax, 1, 1_048_576)
  for (const only of ['group', 'deduplication', 'groupBatches'] as const) {
    if (options[only] !== undefined && !isFifo(options.queue))
      throw optionError(`${only} is for FIFO queues: ${options.queue} does not end in .fifo`)
  }
}

/** Checks the options of a source. Throws `RIACHO_SQS_OPTION`. */
export const checkSource = <V>(options: SqsSourceOptions<V>): void => {
  checkQueue(options)
  whole('visibility', options.visibility, 3, 43_200)
  whole('wait', options.wait, 0, 20)
  whole('pendingMax', options.pendingMax, 1, 100_000)
  whole('partitions', options.partitions, 1, 1000)
}
