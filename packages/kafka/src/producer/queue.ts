import { type BatchEncoder, batchField, type Headers, type PartitionWriter, type TopicPartition } from '@riacho/streams/engine'
import { type Codec, compressed } from '../compression.ts'
import { crc32c } from '../crc32c.ts'
import { halvesOf } from './halves.ts'
import type { Spares } from './spares.ts'

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
  /** Whose memory they are, if it can be used again. */
  readonly memory: BatchEncoder | undefined
  /** Whether it is acknowledged, before one that was sent earlier. */
  done: boolean
  /** Whether it may be there although it is not acknowledged. */
  unsure: boolean
}

/** How a queue works. */
export interface QueueOptions {
  readonly batchBytesMax: number
  readonly codec: Codec
  /** Shared with the producer's other partitions. */
  readonly spares: Spares
  /** Called when a full batch may be sent. Without it full batches wait for {@link PartitionQueue.close}, too. */
  readonly full: (() => void) | undefined
  /** Called when a batch begins. */
  readonly begun?: (() => void) | undefined
}

/** How many batches back a broker knows one that comes again: more may not be on the way. */
const onTheWayMax = 5
/** Room beyond what the last batch took. */
const slack = 4096
const epochMax = 2 ** 15 - 1
/** Sequences begin again at 0 after 2^31-1. */
const sequences = 2 ** 31

/** The number that follows so many records from this one on. */
export const sequenceAfter = (sequence: number, records: number): number => (sequence + records) % sequences

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
  /** Less than what is wanted once the broker has refused a batch as too large. */
  #batchBytesMax: number
  /** The number of the next record, as the broker counts those of one producer. */
  #sequence = 0
  /** Closed batches, and the open one if there is one. */
  #batches: BatchEncoder[] = []
  /** How many of them, from the oldest, may be sent. */
  #due = 0
  #open: BatchEncoder | undefined
  /** Bytes that a batch begins with: as many as the last ones took, so that it need not grow from nothing and be copied at each step. */
  #capacity = slack
  /**
   * From the oldest that is not acknowledged on. What is acknowledged behind it counts, too: one that was appended, and failed nevertheless, must
   * be among those that the broker remembers when it comes again.
   */
  #unacknowledged: Sealed[] = []
  /** How many of them have been sent since the last failure. */
  #sent = 0
  /** After a failure nothing is sent until nothing is on the way; then all again. */
  #again = false
  /** What has numbers gets those of the identity as it is now, from 0. */
  #renumber = false
  #identity: Identity
  /**
   * Whether the broker is known to count the batches of this identity. One that has forgotten them, or never had any, takes any number for
   * the first: until then a second batch on the way could get into the place of the one before it.
   */
  #counted = false

  constructor(at: TopicPartition, identity: Identity, options: QueueOptions) {
    this.topic = at.topic
    this.partition = at.partition
    this.#identity = identity
    this.#options = options
    this.#batchBytesMax = options.batchBytesMax
  }

  append(timestamp: number, key: Bytes, value: Bytes, headers?: Headers): void {
    const estimate = (key?.length ?? 0) + (value?.length ?? 0)
    const { full } = this.#options
    // Closed before the record that would make it too large, so that only a record that is too large by itself can be refused.
    if (this.#open !== undefined && this.#open.size + estimate > this.#batchBytesMax) {
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
    const batch = this.#options.spares.take(this.#capacity)
    this.#batches.push(batch)
    this.bytes += batch.size
    this.#options.begun?.()
    return batch
  }

  /** Makes everything that is here ready to be sent. What comes while that waits goes with it, unless full batches wait, too. */
  close(): void {
    // Its first record may have been refused.
    if (this.#open?.count === 0) {
      this.bytes -= this.#batches.pop()!.size
      this.#open = undefined
    }
    if (this.#options.full === undefined) this.#open = undefined
    this.#due = this.#batches.length
  }

  /** Whether something is to be sent, or on the way. */
  get busy(): boolean {
    return this.#due > 0 || this.#unacknowledged.length > 0
  }

  /** Whether a batch may be sent now. */
  get ready(): boolean {
    if (this.onTheWay === onTheWayMax || (this.onTheWay > 0 && (this.#again || !this.#counted))) return false
    return this.#place < this.#unacknowledged.length || (this.#due > 0 && this.#unacknowledged.length < onTheWayMax)
  }

  /** Where the next one to send is, or comes to be. */
  get #place(): number {
    let at = this.#again ? 0 : this.#sent
    while (this.#unacknowledged[at]?.done) at++
    return at
  }

  /** Whether something was appended behind a batch that is not acknowledged. */
  get overtaken(): boolean {
    return this.#unacknowledged.some(({ done }) => done)
  }

  /** Whether something that is not acknowledged may be there nevertheless. */
  get unsure(): boolean {
    return this.#unacknowledged.some(({ unsure, done }) => unsure && !done)
  }

  /** Whether its identity has no epoch left: it needs another one before anything is sent. */
  get wornOut(): boolean {
    return this.#identity.epoch > epochMax
  }

  /** The batch to send next, counted as on the way. Call it when {@link PartitionQueue.ready}. */
  next(): Sealed {
    if (this.#again) this.#rewind()
    const at = this.#place
    if (at === this.#unacknowledged.length) this.#unacknowledged.push(this.#seal())
    this.onTheWay++
    this.#sent = at + 1
    return this.#unacknowledged[at]!
  }

  /** Appended. */
  acknowledge(sealed: Sealed): void {
    this.onTheWay--
    this.failures = 0
    this.#counted = true
    if (!this.#unacknowledged.includes(sealed)) return
    sealed.done = true
    this.bytes -= sealed.bytes.length
    if (sealed.memory !== undefined) this.#options.spares.give(sealed.memory)
    this.#trim()
  }

  /** To be sent again, and all behind it. Says whether it is the first to fail since they were sent. */
  retry(): boolean {
    this.onTheWay--
    const first = !this.#again
    this.#again = true
    this.#counted = false
    return first
  }

  /** Never appended, because it is too large: has its records sent again in two batches, which have its numbers. Says whether it has more than one. */
  split(sealed: Sealed): boolean {
    const at = this.#unacknowledged.indexOf(sealed)
    if (at < 0 || sealed.records === 1) return false
    this.#batchBytesMax = Math.min(this.#batchBytesMax, Math.ceil(sealed.bytes.length / 2))
    let sequence = sealed.bytes.readInt32BE(batchField.baseSequence)
    const halves = halvesOf(sealed.bytes, sealed.records).map(half => {
      const sealedHalf = this.#numbered(half, sequence)
      sequence = sequenceAfter(sequence, sealedHalf.records)
      return sealedHalf
    })
    this.#unacknowledged.splice(at, 1, ...halves)
    this.bytes += halves[0]!.bytes.length + halves[1]!.bytes.length - sealed.bytes.length
    this.retry()
    return true
  }

  /** Never appended, and not to be sent again. */
  refuse(sealed: Sealed): void {
    this.retry()
    this.#drop(sealed)
  }

  /**
   * Counts from 0 in the next epoch, also what has its numbers already. Whatever of the epoch so far still is on its way, the broker refuses
   * from then on. Call it when none of what has its numbers was appended.
   */
  renew(): void {
    this.restart({ ...this.#identity, epoch: this.#identity.epoch + 1 })
  }

  /** Whether every batch before this one has been acknowledged. */
  isFirst(sealed: Sealed): boolean {
    return !this.#again && this.#unacknowledged[0] === sealed
  }

  /** Throws everything away. Says whether something of it had its numbers, which leaves a gap. */
  discard(): boolean {
    const gap = this.#unacknowledged.length > 0
    this.#batches = []
    this.#due = 0
    this.#open = undefined
    this.#unacknowledged = []
    this.#sent = 0
    this.bytes = 0
    this.failures = 0
    return gap
  }

  /** Another identity: counts from 0, also what has its numbers already. */
  restart(identity: Identity): void {
    if (identity.id !== this.#identity.id) this.#counted = false
    this.#identity = identity
    this.#again = true
    this.#renumber = true
  }

  #drop(sealed: Sealed): void {
    const at = this.#unacknowledged.indexOf(sealed)
    if (at < 0) return
    this.#unacknowledged.splice(at, 1)
    if (at < this.#sent) this.#sent--
    this.bytes -= sealed.bytes.length
    this.#trim()
  }

  #trim(): void {
    while (this.#unacknowledged[0]?.done) {
      this.#unacknowledged.shift()
      if (this.#sent > 0) this.#sent--
    }
  }

  #rewind(): void {
    this.#again = false
    this.#sent = 0
    if (!this.#renumber) return
    this.#renumber = false
    this.#sequence = 0
    const { id, epoch } = this.#identity
    for (const { bytes, records, done } of this.#unacknowledged) {
      if (done) continue
      bytes.writeBigInt64BE(id, batchField.producerId)
      bytes.writeInt16BE(epoch, batchField.producerEpoch)
      bytes.writeInt32BE(this.#count(records), batchField.baseSequence)
      bytes.writeUInt32BE(crc32c(bytes, batchField.attributes), batchField.crc)
    }
  }

  /** The number of the first of so many records. */
  #count(records: number): number {
    const first = this.#sequence
    this.#sequence = sequenceAfter(first, records)
    return first
  }

  #seal(): Sealed {
    const batch = this.#batches.shift()!
    if (batch === this.#open) this.#open = undefined
    this.#due--
    const before = batch.size
    this.#capacity = Math.max(before + slack, this.#capacity >> 1)
    const sealed = this.#numbered(batch, this.#count(batch.count))
    this.bytes += sealed.bytes.length - before
    return sealed
  }

  #numbered(batch: BatchEncoder, sequence: number): Sealed {
    const { id, epoch, transactionalId } = this.#identity
    const { codec, spares } = this.#options
    const records = batch.count
    const plain = batch.finish(Number(id), epoch, sequence, transactionalId !== null, { crc: codec === 'none' && crc32c })
    const bytes = compressed(plain, codec)
    if (bytes !== plain) spares.give(batch)
    return { queue: this, records, bytes, memory: bytes === plain ? batch : undefined, done: false, unsure: false }
  }
}
