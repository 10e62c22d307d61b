import {
  BatchEncoder,
  BrokerError,
  type CommittedOffset,
  type Headers,
  type Membership,
  noHeaders,
  type PartitionWriter,
  type Producer,
  type ProducerOptions,
  type TopicPartition,
} from '@riacho/streams/engine'
import { abortable, closed, nameOf } from './errors.ts'
import type { PartitionLog } from './log.ts'
import type { Transaction, Transactions } from './transaction.ts'

/** What a producer needs of its broker. */
export interface ProducerHome {
  readonly transactions: Transactions
  /** The partition's log, or why there is none. */
  log(at: TopicPartition): PartitionLog | BrokerError
  /** Throws a fenced error when the member is not in its group's generation. */
  checkMember(member: Membership): void
  /** Throws for offsets that cannot be committed. */
  checkOffsets(offsets: readonly CommittedOffset[]): void
  closed(producer: LogProducer): void
}

/** Encodes records into one open batch per partition, and appends full ones to the logs. */
export class LogProducer implements Producer {
  readonly #home: ProducerHome
  readonly #transaction: Transaction | undefined
  readonly #producerId: number
  readonly #batchBytesMax: number
  readonly #hold: boolean
  readonly #writers = new Map<string, Writer>()
  readonly #unwritten = new Set<Writer>()
  #failure: BrokerError | undefined
  #closed = false

  constructor(home: ProducerHome, options: ProducerOptions, transaction: Transaction | undefined) {
    this.#home = home
    this.#transaction = transaction
    this.#producerId = transaction?.producerId ?? home.transactions.newProducerId()
    this.#batchBytesMax = options.batchBytesMax ?? 256 * 1024
    this.#hold = options.holdUntilFlush ?? false
  }

  partition(at: TopicPartition): PartitionWriter {
    const name = nameOf(at)
    const known = this.#writers.get(name)
    if (known !== undefined) return known
    const writer = new Writer(this, this.#home.log(at), this.#batchBytesMax, this.#hold)
    this.#writers.set(name, writer)
    return writer
  }

  get bufferedBytes(): number {
    let bytes = 0
    for (const writer of this.#unwritten) bytes += writer.bytes
    return bytes
  }

  async flush(): Promise<void> {
    if (this.#closed) throw closed('producer')
    this.#writeAll()
    this.#throwFailure()
  }

  async sendOffsets(member: Membership, offsets: readonly CommittedOffset[]): Promise<void> {
    const transaction = this.#inTransaction()
    this.#home.transactions.begin(transaction)
    if (transaction.failed !== undefined) throw transaction.failed
    try {
      this.#home.checkMember(member)
      this.#home.checkOffsets(offsets)
    } catch (thrown) {
      // A commit without these offsets would be half a transaction.
      if (thrown instanceof BrokerError) transaction.failed = abortable(thrown)
      throw transaction.failed ?? thrown
    }
    const held = transaction.offsets.get(member.group) ?? []
    transaction.offsets.set(member.group, [...held, ...offsets.map(copyOf)])
  }

  async commit(): Promise<void> {
    const transaction = this.#inTransaction()
    this.#writeAll()
    this.#throwFailure()
    this.#home.transactions.end(transaction, 'commit')
  }

  async abort(): Promise<void> {
    const transaction = this.#inTransaction()
    this.#drop()
    this.#home.transactions.end(transaction, 'abort')
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#drop()
    this.#home.closed(this)
  }

  /** A writer's batch gets its first record. */
  opened(writer: Writer): void {
    this.#unwritten.add(writer)
    if (this.#transaction !== undefined && this.#transaction.fenced === undefined && !this.#closed)
      this.#home.transactions.begin(this.#transaction)
  }

  /** Appends a writer's batches to its log. A failure is kept for the next `flush` or `commit`. */
  write(writer: Writer): void {
    const transaction = this.#transaction
    const refused = this.#closed ? closed('producer') : (transaction?.fenced ?? transaction?.failed)
    const failure = refused ?? this.#append(writer)
    if (failure === undefined) return
    writer.drop()
    this.#failure ??= failure
    if (transaction !== undefined) transaction.failed ??= failure
  }

  #append(writer: Writer): BrokerError | undefined {
    const transaction = this.#transaction
    const log = writer.log
    try {
      if (log instanceof BrokerError) throw log
      transaction?.logs.add(log)
      while (writer.bytes > 0) log.append(writer.finish(this.#producerId, transaction?.epoch ?? 0, transaction !== undefined, log.checked))
      return undefined
    } catch (thrown) {
      if (!(thrown instanceof BrokerError)) throw thrown
      return transaction === undefined ? thrown : abortable(thrown)
    }
  }

  #writeAll(): void {
    for (const writer of this.#unwritten) if (writer.bytes > 0) this.write(writer)
    this.#unwritten.clear()
  }

  /** The first failure since the last time; in a transaction, until it is aborted. */
  #throwFailure(): void {
    const failure = this.#transaction?.fenced ?? this.#failure ?? this.#transaction?.failed
    this.#failure = undefined
    if (failure !== undefined) throw failure
  }

  #drop(): void {
    for (const writer of this.#unwritten) writer.drop()
    this.#unwritten.clear()
    this.#failure = undefined
  }

  #inTransaction(): Transaction {
    if (this.#closed) throw closed('producer')
    if (this.#transaction === undefined)
      throw new BrokerError('INVALID_TXN_STATE', 'This producer has no transactions. Give it a transactionalId.')
    if (this.#transaction.fenced !== undefined) throw this.#transaction.fenced
    return this.#transaction
  }
}

const copyOf = (offset: CommittedOffset): CommittedOffset => ({ ...offset })

/** The open batch of one partition, and the full ones before it that wait for a flush. */
class Writer implements PartitionWriter {
  readonly log: PartitionLog | BrokerError
  readonly #producer: LogProducer
  readonly #bytesMax: number
  readonly #hold: boolean
  #full: BatchEncoder[] = []
  #fullBytes = 0
  #encoder = new BatchEncoder()
  #sequence = 0

  /** `hold`: a full batch waits for the next flush too. */
  constructor(producer: LogProducer, log: PartitionLog | BrokerError, bytesMax: number, hold: boolean) {
    this.#producer = producer
    this.log = log
    this.#bytesMax = bytesMax
    this.#hold = hold
  }

  append(timestamp: number, key: string | Uint8Array | null, value: string | Uint8Array | null, headers: Headers = noHeaders): void {
    const encoder = this.#encoder
    if (encoder.count === 0) this.#producer.opened(this)
    encoder.append(timestamp, key, value, headers)
    if (encoder.size < this.#bytesMax) return
    if (!this.#hold) {
      this.#producer.write(this)
      return
    }
    this.#full.push(encoder)
    this.#fullBytes += encoder.size
    this.#encoder = new BatchEncoder(encoder.size)
  }

  /** Bytes of the batches; 0 when they hold no record. */
  get bytes(): number {
    return this.#fullBytes + (this.#encoder.count === 0 ? 0 : this.#encoder.size)
  }

  /** The oldest batch; it is valid until the next append. */
  finish(producerId: number, epoch: number, transactional: boolean, crc: boolean): Buffer {
    const full = this.#full.shift()
    if (full !== undefined) this.#fullBytes -= full.size
    const encoder = full ?? this.#encoder
    const sequence = this.#sequence
    this.#sequence = (sequence + encoder.count) % 2147483648
    return encoder.finish(producerId, epoch, sequence, transactional, { crc })
  }

  drop(): void {
    this.#full = []
    this.#fullBytes = 0
    this.#encoder.reset()
  }
}
