import { addOffsetsToTxnV3, addPartitionsToTxnV3, endTxnV3, initProducerIdV4, txnOffsetCommitV3, type Writer } from '@platformatic/kafka'
import type { BrokerError, CommittedOffset, Membership, TopicPartition } from '@riacho/streams/engine'
import { answerIn, failureAt, failureOf } from '../errors.ts'
import { KafkaMembership, type Present } from '../group/membership.ts'
import type { Cluster } from '../metadata/cluster.ts'
import { byTopic, offsetTopics } from '../metadata/partitions.ts'
import type { Request } from '../transport/connection.ts'
import type { Links } from '../transport/links.ts'
import { Walk } from '../transport/walk.ts'
import type { Identity } from './queue.ts'

/** An {@link Identity} of a producer with transactions. */
export interface TransactionalIdentity extends Identity {
  readonly transactionalId: string
}

/** What a transaction asks of its coordinator and of the coordinators of groups. */
export class TransactionCalls {
  readonly #cluster: Cluster
  readonly #links: Links
  readonly #timeoutMs: number
  /** Whether the cluster adds partitions and groups by itself, and gives a new epoch at each end (KIP-890). */
  readonly #second: boolean
  /** Whether a request may still be on its way that was made again since the last {@link TransactionCalls.identify}. */
  strayed = false

  constructor(cluster: Cluster, links: Links, timeoutMs: number, second: boolean) {
    this.#cluster = cluster
    this.#links = links
    this.#timeoutMs = timeoutMs
    this.#second = second
  }

  /** A newer epoch of this id: what was open is aborted first. With the identity so far, the same producer's next epoch (KIP-360). */
  async identify(transactionalId: string, before?: Identity): Promise<TransactionalIdentity> {
    const answer = await this.#calling('transaction', transactionalId, broker =>
      this.#links.once(broker, initProducerIdV4.api, transactionalId, this.#timeoutMs, before?.id ?? -1n, before?.epoch ?? -1),
    )
    this.strayed = false
    return { id: answer.producerId, epoch: answer.producerEpoch, transactionalId }
  }

  /** Adds partitions to the transaction, which the first version needs before anything is sent to them. */
  async addPartitions({ transactionalId, id, epoch }: TransactionalIdentity, partitions: readonly TopicPartition[]): Promise<void> {
    const topics = [...byTopic(partitions)].map(([name, list]) => ({ name, partitions: list.map(at => at.partition) }))
    const request = [{ transactionalId, producerId: id, producerEpoch: epoch, verifyOnly: false, topics }]
    await this.#calling('transaction', transactionalId, broker =>
      this.#links.once(broker, addPartitionsToTxnV3.api, request).catch((thrown: unknown) => {
        throw notAdded(thrown)
      }),
    )
  }

  /** Adds the offsets to the transaction. */
  async sendOffsets(identity: TransactionalIdentity, member: Membership, offsets: readonly CommittedOffset[]): Promise<void> {
    const { transactionalId, id, epoch } = identity
    if (!this.#second)
      await this.#calling('transaction', transactionalId, broker =>
        this.#links.once(broker, addOffsetsToTxnV3.api, transactionalId, id, epoch, member.group),
      )
    const instanceId = member instanceof KafkaMembership ? member.instanceId : null
    for (;;) {
      const { generation, memberId } = member
      try {
        await this.#calling('group', member.group, broker =>
          this.#links.send(broker, this.#offsetsRequest(identity, { group: member.group, generation, memberId, instanceId }, offsets)),
        )
        return
      } catch (thrown) {
        if (!(member instanceof KafkaMembership)) throw thrown
        // The group may begin its next generation before this member hears of it: that is no fencing.
        const failure = failureOf(thrown)
        if (failure.code === 'ILLEGAL_GENERATION' && (await member.follows(memberId, generation))) continue
        member.doubt(memberId, generation, failure)
        throw thrown
      }
    }
  }

  #offsetsRequest(
    { transactionalId, id, epoch }: TransactionalIdentity,
    member: Present,
    offsets: readonly CommittedOffset[],
  ): Request<void> {
    const { generation, memberId, instanceId, group } = member
    const topics = offsetTopics(offsets)
    const body = txnOffsetCommitV3.createRequest(transactionalId, group, id, epoch, generation, memberId, instanceId, topics)
    return flexible(txnOffsetCommitV3.api.key, this.#second ? 5 : 3, body, walk => {
      walk.int32()
      const codes = walk.list(() => {
        walk.text()
        return walk.list(() => [walk.int32(), walk.int16()] as const)
      })
      const failed = codes.flat().find(([, errorCode]) => errorCode !== 0)
      if (failed !== undefined) throw failureAt(failed[1])
    })
  }

  /**
   * Ends the transaction and gives the identity for the next one. Asked again with the old epoch after a lost answer, the coordinator gives the same answer again.
   */
  async end(identity: TransactionalIdentity, committed: boolean): Promise<TransactionalIdentity> {
    const { transactionalId, id, epoch } = identity
    const body = () => endTxnV3.createRequest(transactionalId, id, epoch, committed)
    const next = await this.#calling('transaction', transactionalId, broker =>
      this.#links.send(
        broker,
        flexible(endTxnV3.api.key, this.#second ? 5 : 3, body(), walk => {
          walk.int32()
          const errorCode = walk.int16()
          if (errorCode !== 0) throw failureAt(errorCode)
          return this.#second ? { id: walk.frame.readBigInt64BE(walk.at), epoch: walk.frame.readInt16BE(walk.at + 8) } : { id, epoch }
        }),
      ),
    )
    return { ...next, transactionalId }
  }

  #calling<Answer>(kind: 'group' | 'transaction', id: string, call: (broker: number) => Promise<Answer>): Promise<Answer> {
    return this.#links.retrying(async () => {
      try {
        return await this.#cluster.atCoordinator(kind, id, call)
      } catch (thrown) {
        this.strayed ||= unanswered.has(failureOf(thrown).code)
        throw thrown
      }
    })
  }
}

/** The failure with the partition that it is about. */
function notAdded(thrown: unknown): BrokerError {
  const failure = failureOf(thrown)
  const answer = answerIn(failure) as addPartitionsToTxnV3.AddPartitionsToTxnResponse | undefined
  for (const { name, resultsByPartition } of answer?.resultsByTransaction.flatMap(({ topicResults }) => topicResults) ?? [])
    for (const { partitionIndex, partitionErrorCode } of resultsByPartition) {
      const refused = failureAt(partitionErrorCode, { topic: name, partition: partitionIndex })
      if (partitionErrorCode !== 0 && refused.code === failure.code) return refused
    }
  return failure
}

const unanswered = new Set(['NETWORK_EXCEPTION', 'REQUEST_TIMED_OUT'])

const flexible = <Answer>(key: number, version: number, body: Writer, parse: (walk: Walk) => Answer): Request<Answer> => ({
  key,
  version,
  body: [body.buffer],
  tags: { request: true, answer: true },
  parse: frame => parse(new Walk(frame)),
})
