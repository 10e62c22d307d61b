import { BatchEncoder, batchField, crc32c, type Headers, type PartitionWriter, type TopicPartition } from '@riacho/streams/engine'
import { type Codec, compressed } from '../compression.ts'

type Bytes = string | Uint8Array | null

/** Who a producer is to the cluster. */
export interface Identity {
  readonly id: bigint
  readonly epoch: number
  readonly transactionalId: string | null
}

/** A batch that has its numbers. Whenever it is sent, the bytes are the same: the broker knows them by their sequence. */
export interface Sealed {
  readonly queue: PartitionQueue
  readonly records: number
  readonly bytes: Buffer
}

/** How a queue works. */
export interface QueueOptions {
  readonly batchBytesMax: number
  readonly codec: Codec
  /** Called when a full batch may be sent. Without it full batches wait for {@link PartitionQueue.close}, too. */
  readonly full: (() => void) | undefined
}

/** How many batches back a broker knows one that comes again: more may not be on the way. */
const onTheWayMax = 5
/** Sequences begin again at 0 after 2^31-1. */
const sequences = 2 ** 31

/** The records of one partition on their way to its leader, in order. */
export class PartitionQueue implements PartitionWriter, TopicPartition {
  readonly topic: string
  readonly partition: number
  /** Bytes that are not acknowledged yet. */
  bytes = 0
  /** The broker to which batches are on the way. */
  broker = -1
  /** Batches on the way. */
  onTheWay = 0
  /** Tries that failed in a row, since when, and when to try again. */
  failures = 0
  failingSince = 0
  notBefore = 0
  readonly #options: QueueOptions
  /** The number of the next record, as the broker counts those of one producer. */
  #sequence = 0
  /** Closed batches, and the open one if there is one. */
  #batches: BatchEncoder[] = []
  /** How many of them, from the oldest, may be sent. */
  #due = 0
  #open: BatchEncoder | undefined
  /** Sealed and not acknowledged, the oldest first. */
  #unacknowledged: Sealed[] = []
  /** How many of them have been sent since the last failure. */
  #sent = 0
  /** After a failure nothing is sent until nothing is on the way; then all again. */
  #again = false
  #renumber = false

  constructor(at: TopicPartition, options: QueueOptions) {
    this.topic = at.topic
    this.partition = at.partition
    this.#options = options
  }

  append(timestamp: number, key: Bytes, value: Bytes, headers?: Headers): void {
    const estimate = (key?.length ?? 0) + (value?.length ?? 0)
    const { batchBytesMax, full } = this.#options
    // Closed before the record that would make it too large, so that only a record that is too large by itself can be refused.
    if (this.#open !== undefined && this.#open.size + estimate > batchBytesMax) {
      this.#open = undefined
      if (full !== undefined) {
        this.close()
        full()
      }
    }
    this.#open ??= this.#begin()
    const before = this.#open.size
    this.#open.append(timestamp, key, value, headers)
    this.bytes += this.#open.size - before
  }

  #begin(): BatchEncoder {
    const batch = new BatchEncoder()
    this.#batches.push(batch)
    this.bytes += batch.size
    return batch
  }

  /** Makes everything that is here ready to be sent. */
  close(): void {
    this.#open = undefined
    this.#due = this.#batches.length
  }

  /** Whether something is to be sent, or on the way. */
  get busy(): boolean {
    return this.#due > 0 || this.#unacknowledged.length > 0
  }

  /** Whether a batch may have been appended without anybody knowing. */
  get unsure(): boolean {
    return this.#unacknowledged.length > 0
  }

  /** Whether a batch may be sent now. */
  get ready(): boolean {
    if (this.#again && this.onTheWay > 0) return false
    const sent = this.#again ? 0 : this.#sent
    return sent < this.#unacknowledged.length || (this.#due > 0 && this.#unacknowledged.length < onTheWayMax)
  }

  /** The batch to send next, counted as on the way. Call it when {@link PartitionQueue.ready}. */
  next(identity: Identity): Sealed {
    if (this.#again) this.#rewind()
    if (this.#sent === this.#unacknowledged.length) this.#unacknowledged.push(this.#seal(identity))
    this.onTheWay++
    return this.#unacknowledged[this.#sent++]!
  }

  /** Appended. */
  acknowledge(sealed: Sealed): void {
    this.onTheWay--
    this.failures = 0
    this.#drop(sealed)
  }

  /** To be sent again, and all behind it. */
  retry(): void {
    this.onTheWay--
    this.#again = true
  }

  /** Never appended: its numbers go to those behind it. */
  refuse(sealed: Sealed): void {
    this.onTheWay--
    this.#drop(sealed)
    this.#sequence = (this.#sequence - sealed.records + sequences) % sequences
    this.#again = true
    this.#renumber = true
  }

  /** Whether every batch before this one has been acknowledged. */
  isFirst(sealed: Sealed): boolean {
    return !this.#again && this.#unacknowledged[0] === sealed
  }

  /** Throws everything away. Call it when nothing is on the way. */
  discard(): void {
    this.#batches = []
    this.#due = 0
    this.#open = undefined
    this.#unacknowledged = []
    this.#sent = 0
    this.#again = false
    this.#renumber = false
    this.bytes = 0
    this.failures = 0
  }

  /** For a new identity: counts from 0. What has its numbers already is thrown away. */
  restart(): void {
    for (const sealed of this.#unacknowledged) this.bytes -= sealed.bytes.length
    this.#unacknowledged = []
    this.#sent = 0
    this.#again = false
    this.#renumber = false
    this.#sequence = 0
    this.failures = 0
  }

  #drop(sealed: Sealed): void {
    const at = this.#unacknowledged.indexOf(sealed)
    if (at < 0) return
    this.#unacknowledged.splice(at, 1)
    if (at < this.#sent) this.#sent--
    this.bytes -= sealed.bytes.length
  }

  #rewind(): void {
    this.#again = false
    this.#sent = 0
    if (!this.#renumber) return
    this.#renumber = false
    let back = this.#unacknowledged.reduce((sum, { records }) => sum + records, 0)
    for (const { bytes, records } of this.#unacknowledged) {
      bytes.writeInt32BE((this.#sequence - back + sequences) % sequences, batchField.baseSequence)
      bytes.writeUInt32BE(crc32c(bytes, batchField.attributes), batchField.crc)
      back -= records
    }
  }

  #seal({ id, epoch, transactionalId }: Identity): Sealed {
    const batch = this.#batches.shift()!
    this.#due--
    const { codec } = this.#options
    const [size, records] = [batch.size, batch.count]
    const plain = batch.finish(Number(id), epoch, this.#sequence, transactionalId !== null, { crc: codec === 'none' })
    const bytes = compressed(plain, codec)
    this.bytes += bytes.length - size
    this.#sequence = (this.#sequence + records) % sequences
    return { queue: this, records, bytes }
  }
}
