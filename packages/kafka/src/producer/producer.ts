import { initProducerIdV4 } from '@platformatic/kafka'
import {
  BrokerError,
  type CommittedOffset,
  type Membership,
  type PartitionWriter,
  type Producer,
  type ProducerOptions,
  type TopicPartition,
} from '@riacho/streams/engine'
import type { Codec } from '../compression.ts'
import { failureOf, KafkaError } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import { anyBroker, type Links } from '../transport/links.ts'
import type { Identity } from './queue.ts'
import { Sender } from './sender.ts'
import type { Spares } from './spares.ts'
import { type TransactionalIdentity, TransactionCalls } from './transaction.ts'

/** What a producer needs beside its options. */
export interface ProducerHome {
  readonly cluster: Cluster
  readonly links: Links
  readonly retryForMs: number
  readonly codec: Codec
  readonly spares: Spares
  /** Milliseconds after which a batch that is not full is sent. Undefined: at the next flush. */
  readonly lingerMs: number | undefined
  /** The newest version of transactions to use. */
  readonly transactionVersion: 1 | 2
  closed(producer: Producer): void
}

const batchBytesMax = 256 << 10
const transactionTimeoutMs = 60_000

/** The cluster may have ended the transaction. */
const endedByCluster = new Set(['INVALID_PRODUCER_EPOCH', 'INVALID_TXN_STATE', 'PRODUCER_FENCED'])

/** A producer of its own identity; each of its partitions has its sequence. */
export class KafkaProducer implements Producer {
  readonly #home: ProducerHome
  readonly #sender: Sender

  private constructor(home: ProducerHome, sender: Sender) {
    this.#home = home
    this.#sender = sender
  }

  /** Asks for an identity. */
  static async open(home: ProducerHome, options: ProducerOptions): Promise<Producer> {
    if (options.transactionalId !== undefined) return TransactionalProducer.begin(home, options, options.transactionalId)
    const identity = await identify(home.links)
    const { links } = home
    const more = { version: 9, enlist: undefined, identify: () => identify(links) } as const
    return new KafkaProducer(home, new Sender({ ...senderHome(home, options), ...more }, identity))
  }

  get bufferedBytes(): number {
    return this.#sender.bufferedBytes
  }

  partition(at: TopicPartition): PartitionWriter {
    return this.#sender.partition(at)
  }

  flush(): Promise<void> {
    return this.#sender.flush()
  }

  sendOffsets(): Promise<void> {
    return Promise.reject(noTransactions())
  }

  commit(): Promise<void> {
    return Promise.reject(noTransactions())
  }

  abort(): Promise<void> {
    return Promise.reject(noTransactions())
  }

  close(): Promise<void> {
    return closed(this, this.#home, this.#sender)
  }
}

/** A producer whose records count when their transaction is committed. */
class TransactionalProducer implements Producer {
  readonly #home: ProducerHome
  readonly #calls: TransactionCalls
  readonly #sender: Sender
  /** Whether each end gives a new epoch. */
  readonly #renews: boolean
  #identity: TransactionalIdentity
  /** Why the transaction cannot be committed any more. */
  #broken: BrokerError | undefined
  /** Why this producer must be replaced. */
  #lost: BrokerError | undefined
  #offsetsSent = false

  private constructor(
    home: ProducerHome,
    options: ProducerOptions,
    opened: { calls: TransactionCalls; identity: TransactionalIdentity; second: boolean },
  ) {
    this.#home = home
    this.#calls = opened.calls
    this.#identity = opened.identity
    this.#renews = opened.second
    const enlist = opened.second ? undefined : (of: readonly TopicPartition[]) => this.#calls.addPartitions(this.#identity, of)
    const more = { version: opened.second ? 12 : 9, enlist, identify: undefined } as const
    this.#sender = new Sender({ ...senderHome(home, options), ...more }, opened.identity)
  }

  /** A newer epoch of the id: older producers are fenced, and what they left open is aborted first. */
  static async begin(home: ProducerHome, options: ProducerOptions, transactionalId: string): Promise<TransactionalProducer> {
    const second = home.transactionVersion === 2 && (await home.cluster.hasSecondTransactions())
    const calls = new TransactionCalls(home.cluster, home.links, options.transactionTimeout ?? transactionTimeoutMs, second)
    const identity = await calls.identify(transactionalId)
    return new TransactionalProducer(home, options, { calls, identity, second })
  }

  get bufferedBytes(): number {
    return this.#sender.bufferedBytes
  }

  partition(at: TopicPartition): PartitionWriter {
    return this.#sender.partition(at)
  }

  flush(): Promise<void> {
    return this.#inTransaction(() => this.#sender.flush())
  }

  async sendOffsets(member: Membership, offsets: readonly CommittedOffset[]): Promise<void> {
    if (offsets.length === 0) return
    await this.#inTransaction(() => {
      this.#offsetsSent = true
      return this.#calls.sendOffsets(this.#identity, member, offsets)
    })
  }

  async commit(): Promise<void> {
    await this.flush()
    await this.#inTransaction(() => this.#end(true))
  }

  async abort(): Promise<void> {
    await this.#sender.discard()
    await this.#end(false)
  }

  close(): Promise<void> {
    return closed(this, this.#home, this.#sender)
  }

  async #end(committed: boolean): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost
    if (this.#sender.sent || this.#offsetsSent) {
      this.#sender.ending = true
      let ended = false
      try {
        const next = await this.#calls.end(this.#identity, committed)
        ended = true
        // Version 1 goes on in the same epoch. What may still be on its way must not get into the next transaction: an end would end it early,
        // offsets would go back. And where numbers are missing the broker takes no more. A new epoch refuses the one and mends the other.
        const mended = !this.#renews && (this.#broken !== undefined || this.#sender.gap || this.#calls.strayed)
        this.#become(mended ? await this.#calls.identify(next.transactionalId, next) : next)
      } catch (thrown) {
        const failure = failureOf(thrown)
        // Unless the cluster ended it itself, the outcome is unknown: nothing more may be done under this identity.
        if (ended || !committed || !endedByCluster.has(failure.code)) this.#lost = failure
        throw failure
      } finally {
        this.#sender.ending = false
      }
    }
    this.#broken = undefined
    this.#offsetsSent = false
  }

  async #renew(): Promise<void> {
    try {
      this.#become(await this.#calls.identify(this.#identity.transactionalId, this.#identity))
      this.#offsetsSent = false
    } catch (thrown) {
      this.#lost = failureOf(thrown)
      throw this.#lost
    }
  }

  #become(identity: TransactionalIdentity): void {
    this.#identity = identity
    this.#sender.become(identity)
  }

  /** A failure that does not fence the producer leaves it usable after an abort. */
  async #inTransaction(work: () => Promise<void>): Promise<void> {
    const refused = this.#lost ?? this.#broken
    if (refused !== undefined) throw refused
    try {
      await work()
    } catch (thrown) {
      let failure = failureOf(thrown)
      if (this.#lost === undefined && endedByCluster.has(failure.code)) failure = await this.#whoEndedIt(failure)
      const { code, message, fenced, fatal, at } = failure
      const member = failure instanceof KafkaError && failure.rejoin
      const abortable = this.#lost === undefined && (!fenced || member)
      this.#broken = new BrokerError(code, message, { fenced, abortable, fatal, at, cause: thrown })
      throw this.#broken
    }
  }

  /** The cluster gives the same answer to a fenced producer and to one whose transaction took too long: only an abort, or the next epoch, tells them apart. */
  async #whoEndedIt(failure: BrokerError): Promise<BrokerError> {
    try {
      await this.#sender.discard()
      if (this.#renews) await this.#end(false)
      else await this.#renew()
      const message = `${failure.message} The cluster ended the transaction, probably because it was open for longer than its time-out.`
      return new BrokerError(failure.code, message, { cause: failure })
    } catch (thrown) {
      return failureOf(thrown)
    }
  }
}

const senderHome = ({ cluster, links, retryForMs, codec, spares, lingerMs }: ProducerHome, options: ProducerOptions) => ({
  cluster,
  links,
  retryForMs,
  queue: { batchBytesMax: options.batchBytesMax ?? batchBytesMax, codec, spares },
  hold: options.holdUntilFlush ?? false,
  lingerMs,
})

async function identify(links: Links): Promise<Identity> {
  const answer = await links.retrying(() => links.once(anyBroker, initProducerIdV4.api, null, transactionTimeoutMs, -1n, -1))
  return { id: answer.producerId, epoch: answer.producerEpoch, transactionalId: null }
}

/** Nothing that is on the way is waited for: a broker that is away must not hold up the end of an application. */
async function closed(producer: Producer, { links, closed }: ProducerHome, sender: Sender): Promise<void> {
  links.close()
  await sender.discard()
  closed(producer)
}

const noTransactions = (): BrokerError =>
  new KafkaError('INVALID_TXN_STATE', 'this producer has no transactionalId: give it one to use transactions', { retriable: false })
