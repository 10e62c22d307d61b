import { produceV11, Writer } from '@platformatic/kafka'
import type { BrokerError, PartitionWriter, TopicPartition } from '@riacho/streams/engine'
import { PartitionBatches } from './batches.ts'
import { answerIn, failureAt, failureOf } from './failure.ts'
import type { Link } from './link.ts'
import { byTopic } from './topics.ts'

/** Milliseconds that the broker has to replicate a batch. */
const replicationLimit = 30_000
const allReplicas = -1
/** The first version that begins a transaction by itself (KIP-890). */
const produceVersion = 12

/** Who a producer is to the broker. */
export interface Identity {
  readonly id: bigint
  readonly epoch: number
  readonly transactionalId: string | null
}

/** A batch on its way. Retries send the same bytes: the broker knows them by their sequence. */
interface Sending extends TopicPartition {
  readonly batches: PartitionBatches
  readonly records: number
  readonly bytes: Buffer
}

/** Sends batches, one request at a time, with at most one batch of each partition in it. */
export class Sender {
  /** Whether something was sent since the last {@link Sender.become}. */
  sent = false
  /** Whether the broker may or may not have appended a batch: the identity must be renewed before anything else is sent. */
  unsure = false
  readonly #link: Link
  readonly #batchBytesMax: number
  readonly #hold: boolean
  readonly #partitions = new Map<string, PartitionBatches>()
  #identity: Identity
  #running: Promise<void> | undefined
  #onTheWay = 0
  #failure: BrokerError | undefined

  /** `hold`: full batches wait for the next flush too. */
  constructor(link: Link, identity: Identity, batchBytesMax: number, hold: boolean) {
    this.#link = link
    this.#identity = identity
    this.#batchBytesMax = batchBytesMax
    this.#hold = hold
  }

  get bufferedBytes(): number {
    let bytes = this.#onTheWay
    for (const batches of this.#partitions.values()) bytes += batches.bytes
    return bytes
  }

  partition(at: TopicPartition): PartitionWriter {
    const key = `${at.topic}/${at.partition}`
    let batches = this.#partitions.get(key)
    if (batches === undefined) {
      batches = new PartitionBatches(at, this.#batchBytesMax, this.#hold ? undefined : () => void this.#run())
      this.#partitions.set(key, batches)
    }
    return batches
  }

  /** Takes a new identity: sequences begin again. Call it while nothing is on the way. */
  become(identity: Identity): void {
    const again = identity.id === this.#identity.id && identity.epoch === this.#identity.epoch
    this.#identity = identity
    this.sent = false
    this.unsure = false
    if (!again) for (const batches of this.#partitions.values()) batches.sequence = 0
  }

  /** Sends everything appended so far. Rejects with the first failure since the last flush. */
  async flush(): Promise<void> {
    for (const batches of this.#partitions.values()) batches.close()
    await this.#run()
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
  }

  /** Throws away what waits; resolves when nothing is on the way. */
  async discard(): Promise<void> {
    for (const batches of this.#partitions.values()) batches.discard()
    await this.#running
    this.#failure = undefined
  }

  #run(): Promise<void> {
    this.#running ??= this.#sendAll().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #sendAll(): Promise<void> {
    // After the append that started it: a turn's records go together.
    await null
    while (!this.unsure) {
      const round = this.#round()
      if (round.length === 0) return
      this.#onTheWay = round.reduce((sum, sending) => sum + sending.bytes.length, 0)
      this.sent = true
      await this.#deliver(round)
      this.#onTheWay = 0
    }
  }

  #round(): Sending[] {
    const { id, epoch, transactionalId } = this.#identity
    const round: Sending[] = []
    for (const batches of this.#partitions.values()) {
      const batch = batches.take()
      if (batch === undefined) continue
      const records = batch.count
      const bytes = batch.finish(Number(id), epoch, batches.sequence, transactionalId !== null, { crc: true, detach: true })
      round.push({ topic: batches.topic, partition: batches.partition, batches, records, bytes })
    }
    return round
  }

  async #deliver(round: readonly Sending[]): Promise<void> {
    let left = round
    try {
      await this.#link.retrying(async () => {
        const failures = await this.#produce(left)
        left = left.filter(sending => this.#settle(sending, failures.get(sending)))
        const first = left[0]
        if (first !== undefined) throw failures.get(first)!
      })
    } catch (thrown) {
      this.#failure ??= failureOf(thrown)
      this.unsure = true
    }
  }

  /** Whether the batch must be sent again. A refused batch was not appended, so its numbers go to the next one. */
  #settle(sending: Sending, failure: BrokerError | undefined): boolean {
    if (failure?.retriable) return true
    if (failure === undefined || failure.code === 'DUPLICATE_SEQUENCE_NUMBER')
      sending.batches.sequence = (sending.batches.sequence + sending.records) % 2 ** 31
    else this.#failure ??= failure
    return false
  }

  /** One request. Gives the batches that failed. */
  async #produce(round: readonly Sending[]): Promise<ReadonlyMap<Sending, BrokerError>> {
    const answer = await this.#link
      .send({ key: 0, version: produceVersion, write: () => this.#write(round), parse: produceV11.parseResponse })
      .catch(partial)
    const failures = new Map<Sending, BrokerError>()
    for (const topic of answer.responses)
      for (const each of topic.partitionResponses) {
        const sending = round.find(it => it.topic === topic.name && it.partition === each.index)
        if (sending !== undefined && each.errorCode !== 0) failures.set(sending, failureAt(each.errorCode, sending))
      }
    return failures
  }

  #write(round: readonly Sending[]): Writer {
    const writer = Writer.create().appendString(this.#identity.transactionalId).appendInt16(allReplicas).appendInt32(replicationLimit)
    const topics = [...byTopic(round)]
    return writer
      .appendArray(topics, (w, [name, sendings]) =>
        w.appendString(name).appendArray(sendings, (inner, sending) => inner.appendInt32(sending.partition).appendBytes(sending.bytes)),
      )
      .appendTaggedFields()
  }
}

const partial = (failure: BrokerError): produceV11.ProduceResponse => {
  const answer = answerIn(failure)
  if (answer === undefined) throw failure
  return answer as produceV11.ProduceResponse
}
