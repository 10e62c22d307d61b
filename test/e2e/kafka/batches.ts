import { BatchEncoder, type Headers, type PartitionWriter, type TopicPartition } from '@riacho/streams/engine'

type Bytes = string | Uint8Array | null

/** The records of one partition that are not on the wire yet. */
export class PartitionBatches implements PartitionWriter, TopicPartition {
  readonly topic: string
  readonly partition: number
  /** The number of the next record, as the broker counts those of one producer. */
  sequence = 0
  /** Bytes that wait here. */
  bytes = 0
  /** Closed batches, and the open one if there is one. */
  readonly #batches: BatchEncoder[] = []
  #open: BatchEncoder | undefined
  readonly #batchBytesMax: number
  readonly #closed: () => void

  /** `closed` is called when a batch is full. */
  constructor(at: TopicPartition, batchBytesMax: number, closed: () => void) {
    this.topic = at.topic
    this.partition = at.partition
    this.#batchBytesMax = batchBytesMax
    this.#closed = closed
  }

  append(timestamp: number, key: Bytes, value: Bytes, headers?: Headers): void {
    const estimate = (key?.length ?? 0) + (value?.length ?? 0)
    // Closed before the record that would make it too large, so that only a record that is too large by itself can be refused.
    if (this.#open !== undefined && this.#open.size + estimate > this.#batchBytesMax) {
      this.close()
      this.#closed()
    }
    this.#open ??= this.#begin()
    const before = this.#open.size
    this.#open.append(timestamp, key, value, headers)
    this.bytes += this.#open.size - before
  }

  /** Makes what is open ready to be sent. */
  close(): void {
    this.#open = undefined
  }

  /** The oldest closed batch; taken from here. */
  take(): BatchEncoder | undefined {
    const first = this.#batches[0]
    if (first === undefined || first === this.#open) return undefined
    this.#batches.shift()
    this.bytes -= first.size
    return first
  }

  /** Throws everything away. */
  discard(): void {
    this.#batches.length = 0
    this.#open = undefined
    this.bytes = 0
  }

  #begin(): BatchEncoder {
    const batch = new BatchEncoder()
    this.#batches.push(batch)
    this.bytes += batch.size
    return batch
  }
}
