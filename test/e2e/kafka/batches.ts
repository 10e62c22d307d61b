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
  /** How many of them, from the oldest, may be sent. */
  #due = 0
  #open: BatchEncoder | undefined
  readonly #batchBytesMax: number
  readonly #full: (() => void) | undefined

  /** `full` is called when a full batch may be sent. Without it, full batches wait for {@link PartitionBatches.close} too. */
  constructor(at: TopicPartition, batchBytesMax: number, full: (() => void) | undefined) {
    this.topic = at.topic
    this.partition = at.partition
    this.#batchBytesMax = batchBytesMax
    this.#full = full
  }

  append(timestamp: number, key: Bytes, value: Bytes, headers?: Headers): void {
    const estimate = (key?.length ?? 0) + (value?.length ?? 0)
    // Closed before the record that would make it too large, so that only a record that is too large by itself can be refused.
    if (this.#open !== undefined && this.#open.size + estimate > this.#batchBytesMax) {
      this.#open = undefined
      if (this.#full !== undefined) {
        this.close()
        this.#full()
      }
    }
    this.#open ??= this.#begin()
    const before = this.#open.size
    this.#open.append(timestamp, key, value, headers)
    this.bytes += this.#open.size - before
  }

  /** Makes everything that is here ready to be sent. */
  close(): void {
    this.#open = undefined
    this.#due = this.#batches.length
  }

  /** The oldest batch that may be sent; taken from here. */
  take(): BatchEncoder | undefined {
    if (this.#due === 0) return undefined
    this.#due--
    const first = this.#batches.shift()!
    this.bytes -= first.size
    return first
  }

  /** Throws everything away. */
  discard(): void {
    this.#batches.length = 0
    this.#due = 0
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
