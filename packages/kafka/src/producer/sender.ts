import type { BrokerError, PartitionWriter, TopicPartition } from '@riacho/streams/engine'
import { failureOf, KafkaError } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import { keyOf } from '../metadata/partitions.ts'
import type { Links } from '../transport/links.ts'
import { type Identity, PartitionQueue, type QueueOptions, type Sealed } from './queue.ts'
import { produceRequest } from './request.ts'

/** What a sender needs. */
export interface SenderHome {
  readonly cluster: Cluster
  readonly links: Links
  /** Milliseconds for which a batch is sent again. */
  readonly retryForMs: number
  readonly queue: Omit<QueueOptions, 'full'>
  /** Full batches wait for the next flush, too. */
  readonly hold: boolean
  readonly version: 9 | 12
  /** Adds partitions to the open transaction, if they must be before anything is sent to them. */
  readonly enlist: ((partitions: readonly TopicPartition[]) => Promise<void>) | undefined
}

/** Requests on the way to one broker. */
const requestsMax = 5
/** A request takes batches until it has so many bytes. */
const requestBytesMax = 8 << 20
const retryPauseMs = 5
const longestRetryPauseMs = 500
const outOfOrder = 'OUT_OF_ORDER_SEQUENCE_NUMBER'

/** Sends batches: several requests at a time to each broker, at most one batch of each partition in each. */
export class Sender {
  /** Whether something was sent since the last {@link Sender.become}. */
  sent = false
  /** Whether the cluster may or may not have appended a batch: the identity must be renewed before anything else is sent. */
  unsure = false
  readonly #home: SenderHome
  readonly #queues = new Map<string, PartitionQueue>()
  /** Partitions that the open transaction has. */
  readonly #enlisted = new Set<PartitionQueue>()
  readonly #requests = new Map<number, number>()
  #identity: Identity
  #busy = 0
  #scheduled = false
  #timer: NodeJS.Timeout | undefined
  #failure: BrokerError | undefined
  #idle: (() => void)[] = []

  constructor(home: SenderHome, identity: Identity) {
    this.#home = home
    this.#identity = identity
  }

  get bufferedBytes(): number {
    let bytes = 0
    for (const queue of this.#queues.values()) bytes += queue.bytes
    return bytes
  }

  partition(at: TopicPartition): PartitionWriter {
    const key = keyOf(at)
    let queue = this.#queues.get(key)
    if (queue === undefined) {
      queue = new PartitionQueue(at, { ...this.#home.queue, full: this.#home.hold ? undefined : () => this.#schedule() })
      this.#queues.set(key, queue)
    }
    return queue
  }

  /** Takes a new identity: sequences begin again. Call it while nothing is on the way. */
  become(identity: Identity): void {
    const again = identity.id === this.#identity.id && identity.epoch === this.#identity.epoch
    this.#identity = identity
    this.sent = false
    this.unsure = false
    this.#enlisted.clear()
    if (!again) for (const queue of this.#queues.values()) queue.restart()
  }

  /** Sends everything appended so far. Rejects with the first failure since the last flush. */
  async flush(): Promise<void> {
    for (const queue of this.#queues.values()) queue.close()
    this.#pump()
    await this.#settled()
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
  }

  /** Throws away what waits; resolves when nothing is on the way. */
  async discard(): Promise<void> {
    this.#failure ??= new KafkaError('CLOSED', 'thrown away')
    await this.#settled()
    for (const queue of this.#queues.values()) queue.discard()
    this.#failure = undefined
  }

  /** In a transaction nothing counts after a failure, and nothing at all after an unknown outcome. */
  get #stopped(): boolean {
    return this.unsure || this.#home.links.closed || (this.#failure !== undefined && this.#identity.transactionalId !== null)
  }

  #settled(): Promise<void> {
    return new Promise(resolve => {
      this.#idle.push(resolve)
      this.#settle()
    })
  }

  #settle(): void {
    if (this.#busy > 0 || (!this.#stopped && [...this.#queues.values()].some(queue => queue.busy))) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** After the append that filled a batch: a turn's records go together. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#pump()
    })
  }

  /** Sends what can be sent. */
  #pump(): void {
    const now = Date.now()
    const ready = new Map<number, PartitionQueue[]>()
    const lost: PartitionQueue[] = []
    let later = Number.POSITIVE_INFINITY
    if (!this.#stopped)
      for (const queue of this.#queues.values()) {
        if (!queue.ready) continue
        if (queue.notBefore > now) later = Math.min(later, queue.notBefore)
        else {
          const leader = this.#home.cluster.placeOf(queue)?.leader
          if (leader === undefined) lost.push(queue)
          // What is on the way to the old leader comes first, and what waits until its partition is in the transaction.
          else if (queue.onTheWay === 0 || (queue.broker === leader && this.#isEnlisted(queue)))
            ready.set(leader, [...(ready.get(leader) ?? []), queue])
        }
      }
    if (lost.length > 0) void this.#work(() => this.#find(lost))
    for (const [broker, queues] of ready) this.#fill(broker, queues)
    if (later < Number.POSITIVE_INFINITY) this.#wakeAt(later - now)
    this.#settle()
  }

  #wakeAt(wait: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#pump(), wait)
  }

  /** Work during which the sender is not idle, and after which there may be more to do. */
  async #work(work: () => Promise<void>): Promise<void> {
    this.#busy++
    await work()
    this.#busy--
    this.#pump()
  }

  async #find(lost: readonly PartitionQueue[]): Promise<void> {
    for (const queue of lost) queue.notBefore = Number.POSITIVE_INFINITY
    const topics = lost.map(queue => queue.topic)
    const failure = await this.#home.cluster.topics(topics).then(() => undefined, failureOf)
    for (const queue of lost) {
      queue.notBefore = 0
      if (this.#home.cluster.placeOf(queue) !== undefined) continue
      const why = failure ?? new KafkaError('LEADER_NOT_AVAILABLE', `${keyOf(queue)} has no leader`, { at: queue })
      this.#home.cluster.forget([queue.topic])
      if (why.retriable) this.#delay(queue, why)
      else this.#giveUp(queue, why)
    }
  }

  #fill(broker: number, queues: readonly PartitionQueue[]): void {
    for (;;) {
      if ((this.#requests.get(broker) ?? 0) >= requestsMax) return
      const batches: Sealed[] = []
      let bytes = 0
      for (const queue of queues) {
        if (!queue.ready || bytes >= requestBytesMax || (queue.onTheWay > 0 && !this.#isEnlisted(queue))) continue
        queue.broker = broker
        const sealed = queue.next(this.#identity)
        bytes += sealed.bytes.length
        batches.push(sealed)
      }
      if (batches.length === 0) return
      void this.#work(() => this.#send(broker, batches))
    }
  }

  #isEnlisted(queue: PartitionQueue): boolean {
    return this.#home.enlist === undefined || this.#enlisted.has(queue)
  }

  async #send(broker: number, batches: readonly Sealed[]): Promise<void> {
    this.sent = true
    this.#requests.set(broker, (this.#requests.get(broker) ?? 0) + 1)
    const failures = await this.#produce(broker, batches).catch(failureOf)
    this.#requests.set(broker, this.#requests.get(broker)! - 1)
    for (const sealed of batches) {
      const failure = failures instanceof Error ? failures : failures.get(sealed)
      if (failure === undefined || failure.code === 'DUPLICATE_SEQUENCE_NUMBER') sealed.queue.acknowledge(sealed)
      else this.#failed(sealed, failure)
    }
  }

  async #produce(broker: number, batches: readonly Sealed[]): Promise<Map<Sealed, BrokerError>> {
    const strangers = batches.map(({ queue }) => queue).filter(queue => !this.#isEnlisted(queue))
    if (strangers.length > 0) {
      await this.#home.enlist!(strangers)
      for (const queue of strangers) this.#enlisted.add(queue)
    }
    const { transactionalId } = this.#identity
    return this.#home.links.send(broker, produceRequest(batches, { version: this.#home.version, transactionalId }))
  }

  #failed(sealed: Sealed, failure: BrokerError): void {
    const { queue } = sealed
    this.#home.cluster.noted(failure, [queue.topic])
    // Behind a batch that failed every other one seems to be out of order.
    const behind = failure.code === outOfOrder && !queue.isFirst(sealed)
    if (failure.retriable || behind) {
      queue.retry()
      this.#delay(queue, failure)
      return
    }
    queue.refuse(sealed)
    // The broker has lost count of this producer.
    this.unsure ||= failure.code === outOfOrder
    this.#failure ??= failure
  }

  /** Has the queue wait before the next try, or gives it up. */
  #delay(queue: PartitionQueue, failure: BrokerError): void {
    const now = Date.now()
    if (queue.failures++ === 0) queue.failingSince = now
    queue.notBefore = now + Math.min(retryPauseMs * 2 ** Math.min(queue.failures - 1, 10), longestRetryPauseMs)
    if (failure.retriable && now - queue.failingSince >= this.#home.retryForMs) this.#giveUp(queue, failure)
  }

  #giveUp(queue: PartitionQueue, failure: BrokerError): void {
    this.unsure ||= queue.unsure
    this.#failure ??= failure
    queue.discard()
  }
}
