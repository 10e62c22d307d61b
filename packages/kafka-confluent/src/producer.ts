import type {
  BrokerError,
  CommittedOffset,
  Membership,
  PartitionWriter,
  Producer,
  ProducerOptions,
  TopicPartition,
} from '@riacho/streams/engine'
import { forDriver } from './commits.ts'
import { called, type Done, type DriverConsumer, type DriverProducer } from './driver.ts'
import { ConfluentError } from './errors.ts'
import type { Home } from './home.ts'
import { ConfluentWriter, copyOf, type Outgoing } from './writer.ts'

const batchBytesMax = 256 << 10
const transactionTimeoutMs = 60_000
/** The driver sends at a flush, or full batches before; what lies there for longer than this it sends, too. */
const lingerMs = 1000
/** Kafka's default of `max.message.bytes`. */
export const messageBytesMax = 1_048_588

/** What a producer needs of its broker. */
export interface ProducerHome {
  readonly home: Home
  /** The consumer of a member, if the member is in this generation. */
  consumerOf(member: Membership): DriverConsumer | undefined
  closed(producer: Producer): void
}

/** An idempotent producer of the driver. */
export class ConfluentProducer implements Producer {
  protected readonly home: Home
  protected readonly driver: DriverProducer
  readonly #closed: (producer: Producer) => void
  readonly #hold: boolean
  readonly #writers = new Map<string, PartitionWriter[]>()
  /** Records that the driver does not have yet. */
  #held: Outgoing[] = []
  #bytes = 0
  #failure: BrokerError | undefined
  /** The driver takes nothing now. */
  protected blocked = false

  protected constructor({ home, closed }: ProducerHome, options: ProducerOptions) {
    const { settings } = home
    this.home = home
    this.#closed = closed
    this.#hold = options.holdUntilFlush ?? false
    const patience = Math.min(settings.retryForMs, options.transactionTimeout ?? settings.retryForMs)
    const batch = Math.min(options.batchBytesMax ?? batchBytesMax, messageBytesMax)
    const own = {
      'enable.idempotence': true,
      acks: 'all',
      'linger.ms': Math.min(lingerMs, Math.floor(patience / 2)),
      'batch.size': batch,
      'batch.num.messages': 1_000_000,
      'queue.buffering.max.messages': 1_000_000,
      'queue.buffering.max.kbytes': 1 << 20,
      'message.max.bytes': messageBytesMax,
      'message.timeout.ms': patience,
      'compression.type': settings.compression,
      // Reports cost a third of the throughput: only failures are told.
      'delivery.report.only.error': true,
      dr_cb: true,
      ...(options.transactionalId === undefined
        ? {}
        : { 'transactional.id': options.transactionalId, 'transaction.timeout.ms': options.transactionTimeout ?? transactionTimeoutMs }),
    }
    // Partitions are given; for anybody who gives none it is Java's way.
    this.driver = home.made(
      () => new home.driver.Producer({ ...settings.client, ...own, ...settings.last }, { partitioner: 'murmur2_random' }),
    )
    this.driver.on('event.error', () => {}) // What does not pass is told by the calls.
    this.driver.on('delivery-report', (thrown, { topic, partition }) => {
      if (thrown) this.#failure ??= home.failures.of(thrown, { topic, partition })
    })
  }

  static async open(producerHome: ProducerHome, options: ProducerOptions): Promise<Producer> {
    if (options.transactionalId !== undefined) return TransactionalProducer.begin(producerHome, options)
    const producer = new ConfluentProducer(producerHome, options)
    await producer.connect()
    return producer
  }

  protected async connect(): Promise<void> {
    const about = { allTopics: false, timeout: this.home.settings.requestTimeoutMs }
    await this.asking(done => this.driver.connect(about, done))
  }

  get bufferedBytes(): number {
    return this.#bytes
  }

  partition(at: TopicPartition): PartitionWriter {
    const writers = this.#writers.get(at.topic) ?? []
    this.#writers.set(at.topic, writers)
    writers[at.partition] ??= new ConfluentWriter(at, (record, bytes) => this.#append(record, bytes))
    return writers[at.partition]!
  }

  #append(record: Outgoing, bytes: number): void {
    this.#bytes += bytes
    if (this.#hold || this.blocked || this.#held.length > 0 || !this.#produce(record)) this.#held.push(copyOf(record))
  }

  /** Whether the driver took it; what it refuses otherwise is a failure of the next flush. */
  #produce({ topic, partition, timestamp, key, value, headers }: Outgoing): boolean {
    try {
      this.driver.produce(topic, partition, value, key, timestamp, undefined, headers)
    } catch (thrown) {
      const failure = this.home.failures.of(thrown, { topic, partition })
      if (failure.code === '_QUEUE_FULL') return false
      this.#failure ??= failure
    }
    return true
  }

  async flush(): Promise<void> {
    const bytes = this.#bytes
    await this.drain()
    await this.#flushed()
    // Reports come by another way than the flush's end: the loop has gone round once when they are here.
    await roundTrip()
    this.#bytes -= Math.min(bytes, this.#bytes)
    this.throwFailure()
  }

  #flushed(): Promise<unknown> {
    const { retryForMs, requestTimeoutMs } = this.home.settings
    return this.asking(done => this.driver.flush(retryForMs + requestTimeoutMs, done))
  }

  /** Gives the driver all that waits here. */
  protected async drain(): Promise<void> {
    while (this.#held.length > 0) {
      const waiting = this.#held
      const refused = waiting.findIndex(record => !this.#produce(record))
      this.#held = refused < 0 ? [] : waiting.slice(refused)
      if (refused >= 0) await this.#flushed()
    }
  }

  /** Throws the first failure since it was last asked for. */
  protected throwFailure(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
  }

  /** Forgets what was appended. */
  protected forget(): void {
    this.#held = []
    this.#bytes = 0
    this.#failure = undefined
  }

  protected async asking(call: (done: Done) => void): Promise<unknown> {
    return called(call).catch((thrown: unknown) => {
      throw this.home.failures.of(thrown)
    })
  }

  sendOffsets(_member: Membership, _offsets: readonly CommittedOffset[]): Promise<void> {
    return Promise.reject(noTransactions())
  }

  commit(): Promise<void> {
    return Promise.reject(noTransactions())
  }

  abort(): Promise<void> {
    return Promise.reject(noTransactions())
  }

  async close(): Promise<void> {
    this.forget()
    this.blocked = true
    await called(done => this.driver._disconnect(done)).catch(() => undefined)
    this.#closed(this)
  }
}

/** A producer whose records count when their transaction is committed. The driver's transaction is begun before it is needed: that asks nothing of the cluster. */
class TransactionalProducer extends ConfluentProducer {
  readonly #consumerOf: ProducerHome['consumerOf']
  /** Why the transaction cannot be committed any more. */
  #broken: BrokerError | undefined
  /** Why this producer must be replaced. */
  #lost: BrokerError | undefined

  private constructor(producerHome: ProducerHome, options: ProducerOptions) {
    super(producerHome, options)
    this.#consumerOf = producerHome.consumerOf
  }

  /** A newer epoch of the id: older producers are fenced, and what they left open is aborted first. */
  static async begin(producerHome: ProducerHome, options: ProducerOptions): Promise<TransactionalProducer> {
    const producer = new TransactionalProducer(producerHome, options)
    await producer.connect()
    await producer.#again(done => producer.driver.initTransactions(producer.home.settings.requestTimeoutMs, done))
    await producer.#begin()
    return producer
  }

  override flush(): Promise<void> {
    return this.#inTransaction(() => super.flush())
  }

  override async sendOffsets(member: Membership, offsets: readonly CommittedOffset[]): Promise<void> {
    if (offsets.length === 0) return
    await this.#inTransaction(async () => {
      const consumer = this.#consumerOf(member)
      if (consumer === undefined)
        throw new ConfluentError('ILLEGAL_GENERATION', `the group ${member.group} has gone on without this member`, {
          fenced: true,
          abortable: true,
        })
      const asked = offsets.map(forDriver)
      await this.#again(done => this.driver.sendOffsetsToTransaction(asked, consumer, this.home.settings.requestTimeoutMs, done))
    })
  }

  override async commit(): Promise<void> {
    await this.flush()
    await this.#inTransaction(async () => {
      await this.#again(done => this.driver.commitTransaction(this.home.settings.requestTimeoutMs, done)).catch((failure: BrokerError) => {
        if (!failure.abortable) this.#lost = failure
        throw failure
      })
      await this.#begin()
    })
  }

  override async abort(): Promise<void> {
    this.forget()
    if (this.#lost !== undefined) throw this.#lost
    this.blocked = true
    try {
      await this.#again(done => this.driver.abortTransaction(this.home.settings.requestTimeoutMs, done))
    } catch (thrown) {
      this.#lost = thrown as BrokerError
      throw thrown
    }
    this.#broken = undefined
    await roundTrip() // Reports of what was thrown away.
    this.throwAway()
    await this.#begin()
  }

  private throwAway(): void {
    this.forget()
  }

  async #begin(): Promise<void> {
    this.blocked = true
    await this.asking(done => this.driver.beginTransaction(done))
    this.blocked = false
    await this.drain()
  }

  /** A call that took too long goes on in the driver: it is asked for again. */
  #again(call: (done: Done) => void): Promise<unknown> {
    return this.home.retrying(
      () => this.asking(call),
      ({ retriable, abortable, fatal, fenced }) => retriable && !abortable && !fatal && !fenced,
    )
  }

  /** A failure that does not fence the producer leaves it usable after an abort. */
  async #inTransaction(work: () => Promise<void>): Promise<void> {
    const refused = this.#lost ?? this.#broken
    if (refused !== undefined) throw refused
    try {
      await work()
    } catch (thrown) {
      const failure = this.home.failures.of(thrown)
      const { code, message, fenced, fatal, at } = failure
      const producerFenced = fenced && !failure.abortable
      if (producerFenced) this.#lost = failure
      const abortable = this.#lost === undefined
      this.#broken =
        this.#lost ?? new ConfluentError(code, message.replace(`${code}: `, ''), { fenced, fatal, abortable, at, cause: thrown })
      throw this.#broken
    }
  }
}

const roundTrip = async (): Promise<void> => {
  for (let turn = 0; turn < 2; turn++) await new Promise(resolve => setImmediate(resolve))
}

const noTransactions = (): ConfluentError =>
  new ConfluentError('INVALID_TXN_STATE', 'this producer has no transactionalId: give it one to use transactions')
