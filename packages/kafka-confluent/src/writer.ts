import type { Headers, PartitionWriter, TopicPartition } from '@riacho/streams/engine'
import { capabilities } from './capabilities.ts'
import type { DriverMessage } from './driver.ts'
import { ConfluentError } from './errors.ts'

/** A record on its way to the driver. */
export type Outgoing = Omit<DriverMessage, 'offset'>

/** No bytes, at an address: to the binding an empty buffer of its own is none. */
const nothing = Buffer.alloc(1).subarray(0, 0)

/** Appends to one partition. */
export class ConfluentWriter implements PartitionWriter {
  readonly #at: TopicPartition
  readonly #send: (record: Outgoing, bytes: number) => void

  constructor({ topic, partition }: TopicPartition, send: (record: Outgoing, bytes: number) => void) {
    this.#at = { topic, partition }
    this.#send = send
  }

  append(timestamp: number, key: string | Uint8Array | null, value: string | Uint8Array | null, headers: Headers = []): void {
    const { topic, partition } = this.#at
    const { earliestTimestamp } = capabilities
    if (timestamp < earliestTimestamp)
      throw unsupported(
        `librdkafka writes the time of day instead of the timestamp ${timestamp}: give one of at least ${earliestTimestamp}`,
      )
    const [keyBytes, valueBytes] = [bytesOf(key), bytesOf(value)]
    const record = {
      topic,
      partition,
      timestamp,
      key: keyBytes,
      value: valueBytes,
      ...(headers.length === 0 ? {} : { headers: headersOf(headers) }),
    }
    this.#send(record, (keyBytes?.length ?? 0) + (valueBytes?.length ?? 0))
  }
}

/** A string may hold characters at which the driver would cut a key off, so it gets bytes only. */
const bytesOf = (data: string | Uint8Array | null): Buffer | null =>
  data === null ? null : typeof data === 'string' ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength)

const headersOf = (headers: Headers): Readonly<Record<string, Buffer>>[] =>
  headers.map(([name, value]) => {
    if (value === null)
      throw unsupported(`librdkafka's binding writes no header without a value, as ${JSON.stringify(name)} is: give an empty one`)
    return { [name]: value.length === 0 ? nothing : Buffer.from(value) }
  })

/** A copy, for a record that the driver does not take at once: what was appended may be used again. */
export const copyOf = (record: Outgoing): Outgoing => ({
  ...record,
  key: record.key && Buffer.from(record.key),
  value: record.value && Buffer.from(record.value),
})

const unsupported = (message: string): ConfluentError => new ConfluentError('UNSUPPORTED', message, { fatal: true })
