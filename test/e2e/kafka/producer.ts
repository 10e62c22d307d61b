import { endTxnV4, initProducerIdV5, type Reader, txnOffsetCommitV4 } from '@platformatic/kafka'
import {
  BrokerError,
  type CommittedOffset,
  type Membership,
  type PartitionWriter,
  type Producer,
  type ProducerOptions,
  type TopicPartition,
} from '@riacho/streams/engine'
import { coordinator } from './coordinator.ts'
import { failureAt, failureOf } from './failure.ts'
import type { Link } from './link.ts'
import { type Identity, Sender } from './sender.ts'
import { byTopic } from './topics.ts'

/** Versions with which the coordinator adds partitions and groups by itself and gives a new epoch at each end (KIP-890); the library has those before. */
const offsetsVersion = 5
const endVersion = 5

/** Failures of the member's, not the producer's: the transaction can be aborted. */
const memberCodes = new Set(['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID'])

/** The broker may have ended the transaction. */
const endedByBroker = new Set(['INVALID_PRODUCER_EPOCH', 'INVALID_TXN_STATE'])

/** The Producer of one Kafka node, with transactions of version 2. */
export class KafkaProducer implements Producer {
  readonly #link: Link
  readonly #options: ProducerOptions
  readonly #sender: Sender
  #identity: Identity
  /** Why the transaction cannot be committed any more. */
  #broken: BrokerError | undefined
  /** Why this producer must be replaced. */
  #lost: BrokerError | undefined
  #offsetsSent = false

  private constructor(link: Link, options: ProducerOptions, identity: Identity) {
    this.#link = link
    this.#options = options
    this.#identity = identity
    this.#sender = new Sender(link, identity, options.batchBytesMax ?? 256 << 10, options.holdUntilFlush ?? false)
  }

  /** Asks for an identity: with a transactional id it is a newer epoch of the same one, and what was open is aborted first. */
  static async open(link: Link, options: ProducerOptions): Promise<KafkaProducer> {
    return new KafkaProducer(link, options, await identify(link, options))
  }

  get bufferedBytes(): number {
    return this.#sender.bufferedBytes
  }

  partition(at: TopicPartition): PartitionWriter {
    return this.#sender.partition(at)
  }

  async flush(): Promise<void> {
    if (this.#options.transactionalId !== undefined) return this.#inTransaction(() => this.#sender.flush())
    if (this.#sender.unsure) this.#become(await identify(this.#link, this.#options))
    await this.#sender.flush()
  }

  async sendOffsets(member: Membership, offsets: readonly CommittedOffset[]): Promise<void> {
    const transactionalId = this.#transactionalId()
    if (offsets.length === 0) return
    const topics = [...byTopic(offsets)].map(([name, list]) => ({
      name,
      partitions: list.map(at => ({
        partitionIndex: at.partition,
        committedOffset: BigInt(at.offset),
        committedLeaderEpoch: -1,
        committedMetadata: at.metadata ?? '',
      })),
    }))
    const { id, epoch } = this.#identity
    const write = () =>
      txnOffsetCommitV4.createRequest(transactionalId, member.group, id, epoch, member.generation, member.memberId, null, topics)
    const request = { key: txnOffsetCommitV4.api.key, version: offsetsVersion, write, parse: txnOffsetCommitV4.parseResponse }
    await this.#inTransaction(async () => {
      this.#offsetsSent = true
      await this.#link.retrying(() => this.#link.send(request))
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

  async close(): Promise<void> {
    await this.#sender.discard()
    await this.#link.close()
  }

  async #end(committed: boolean): Promise<void> {
    const transactionalId = this.#transactionalId()
    if (this.#lost !== undefined) throw this.#lost
    if (this.#sender.sent || this.#offsetsSent) {
      const { id, epoch } = this.#identity
      const write = () => endTxnV4.createRequest(transactionalId, id, epoch, committed)
      // Sent again with the old epoch after a lost answer, the coordinator gives the same answer again.
      const request = { key: endTxnV4.api.key, version: endVersion, write, parse: endAnswer }
      const next = await this.#link
        .retrying(() => this.#link.send(request))
        .catch((failure: BrokerError) => {
          // Unless the broker ended it itself, the outcome is unknown: nothing more may be done under this identity.
          if (!committed || failure.code !== 'INVALID_TXN_STATE') this.#lost = failure
          throw failure
        })
      this.#become({ ...next, transactionalId })
    }
    this.#broken = undefined
    this.#offsetsSent = false
  }

  #become(identity: Identity): void {
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
      if (endedByBroker.has(failure.code)) failure = await this.#whoEndedIt(failure)
      const { code, message, fenced } = failure
      const abortable = this.#lost === undefined && (!fenced || memberCodes.has(code))
      this.#broken = new BrokerError(code, message, { fenced, abortable, cause: thrown })
      throw this.#broken
    }
  }

  /** The broker gives the same answer to a fenced producer and to one whose transaction took too long: only an abort tells them apart. */
  async #whoEndedIt(failure: BrokerError): Promise<BrokerError> {
    try {
      await this.#end(false)
      const message = `${failure.message} The broker ended the transaction, probably because it was open for longer than its time-out.`
      return new BrokerError(failure.code, message, { cause: failure })
    } catch (thrown) {
      return failureOf(thrown)
    }
  }

  #transactionalId(): string {
    const id = this.#options.transactionalId
    if (id === undefined)
      throw new BrokerError('INVALID_TXN_STATE', 'this producer has no transactionalId: give it one to use transactions')
    return id
  }
}

async function identify(link: Link, options: ProducerOptions): Promise<Identity> {
  const transactionalId = options.transactionalId ?? null
  if (transactionalId !== null) await coordinator(link, 'transaction', transactionalId)
  const answer = await link.call(initProducerIdV5.api, transactionalId, options.transactionTimeout ?? 60_000, -1n, -1)
  return { id: answer.producerId, epoch: answer.producerEpoch, transactionalId }
}

/** The library's parser knows the version before, which gave no identity. */
function endAnswer(_correlation: number, _key: number, _version: number, reader: Reader): { readonly id: bigint; readonly epoch: number } {
  reader.readInt32()
  const errorCode = reader.readInt16()
  if (errorCode !== 0) throw failureAt(errorCode)
  return { id: reader.readInt64(), epoch: reader.readInt16() }
}
