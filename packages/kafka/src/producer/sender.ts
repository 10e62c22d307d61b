import type { BrokerError, PartitionWriter, TopicPartition } from '@riacho/streams/engine'
import { failureOf, KafkaError } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import { keyOf } from '../metadata/partitions.ts'
import type { Links } from '../transport/links.ts'
import { type Identity, PartitionQueue, type QueueOptions, type Sealed } from './queue.ts'
import { produceRequest } from './request.ts'

/** What a sender needs. */
export interface SenderHome {
  readonly cluster: Pick<Cluster, 'placeOf' | 'lookUp' | 'absence' | 'forget' | 'noted'>
  readonly links: Pick<Links, 'send' | 'closed'>
  /** Milliseconds for which a batch is sent again. */
  readonly retryForMs: number
  readonly queue: Pick<QueueOptions, 'batchBytesMax' | 'codec' | 'spares'>
  /** Full batches wait for the next flush, too. */
  readonly hold: boolean
  /** Milliseconds after which a batch that is not full is sent. Undefined: at the next flush. */
  readonly lingerMs: number | undefined
  readonly version: 9 | 12
  /** Adds partitions to the open transaction, if they must be before anything is sent to them. */
  readonly enlist: ((partitions: readonly TopicPartition[]) => Promise<void>) | undefined
  /** Gives another identity. Without transactions only. */
  readonly identify: (() => Promise<Identity>) | undefined
}

/** Requests on the way to one broker. */
const requestsMax = 5
/** A request takes batches until it has so many bytes. */
const requestBytesMax = 8 << 20
const retryPauseMs = 5
const longestRetryPauseMs = 500
/** The broker does not count this producer as the producer does. */
const miscounted = new Set(['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID'])
/** After these a batch is known not to be there. After any other one that is worth another try it may be: a leader may have appended it, and then lost its place. */
const neverAppended = new Set([
  ...miscounted,
  'NOT_ENOUGH_REPLICAS',
  'LEADER_NOT_AVAILABLE',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'BROKER_NOT_AVAILABLE',
  'CORRUPT_MESSAGE',
])

/** Sends batches: several requests at a time to each broker, at most one batch of each partition in each. */
export class Sender {
  /** Whether something was sent since the last {@link Sender.become}. */
  sent = false
  /** Whether batches were thrown away that had their numbers: this identity cannot go on in the next transaction. */
  gap = false
  /** Nothing is sent while a transaction ends: what is appended meanwhile belongs to the next one. */
  ending = false
  readonly #home: SenderHome
  readonly #queues = new Map<string, PartitionQueue>()
  /** Partitions that the open transaction has. */
  readonly #enlisted = new Set<PartitionQueue>()
  readonly #requests = new Map<number, number>()
  #identity: Identity
  #busy = 0
  #scheduled = false
  #timer: NodeJS.Timeout | undefined
  #lingering: NodeJS.Timeout | undefined
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
      const { hold, lingerMs } = this.#home
      const full = hold ? undefined : () => this.#schedule()
      const begun = hold || lingerMs === undefined ? undefined : () => this.#linger(lingerMs)
      queue = new PartitionQueue(at, this.#identity, { ...this.#home.queue, full, begun })
      this.#queues.set(key, queue)
    }
    return queue
  }

  /** Takes a new identity: sequences begin again. Call it while nothing is on the way. */
  become(identity: Identity): void {
    const again = identity.id === this.#identity.id && identity.epoch === this.#identity.epoch
    this.#identity = identity
    this.sent = false
    this.gap = false
    this.#enlisted.clear()
    if (!again) for (const queue of this.#queues.values()) queue.restart(identity)
  }

  /** Sends everything appended so far. Rejects with the first failure since the last flush. */
  async flush(): Promise<void> {
    for (const queue of this.#queues.values()) queue.close()
    this.#pump()
    await this.#settled()
    if (this.#home.links.closed && this.bufferedBytes > 0) this.#failure ??= new KafkaError('CLOSED', 'closed before everything was sent')
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
  }

  /** Throws away what waits; resolves when nothing is on the way. */
  async discard(): Promise<void> {
    this.#failure ??= new KafkaError('CLOSED', 'thrown away')
    await this.#settled()
    for (const queue of this.#queues.values()) this.#discard(queue)
    this.#failure = undefined
  }

  /** In a transaction nothing counts after a failure. */
  get #stopped(): boolean {
    return this.ending || this.#home.links.closed || (this.#failure !== undefined && this.#transactional)
  }

  get #transactional(): boolean {
    return this.#identity.transactionalId !== null
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

  #linger(lingerMs: number): void {
    this.#lingering ??= setTimeout(() => {
      this.#lingering = undefined
      for (const queue of this.#queues.values()) queue.close()
      this.#pump()
    }, lingerMs)
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
        else if (queue.wornOut) void this.#work(() => this.#replace(queue))
        else {
          const leader = this.#home.cluster.placeOf(queue)?.leader
          if (leader === undefined) lost.push(queue)
          // What is on the way to the old leader comes first, and what waits until its partition is in the transaction.
          else if (queue.onTheWay === 0 || (queue.broker === leader && this.#isEnlisted(queue)))
            ready.set(leader, [...(ready.get(leader) ?? []), queue])
        }
      }
    // Nothing is on the way meanwhile: who gives up need not wait for the answer.
    if (lost.length > 0) void this.#find(lost).then(() => this.#pump())
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

  async #replace(queue: PartitionQueue): Promise<void> {
    queue.notBefore = Number.POSITIVE_INFINITY
    try {
      queue.restart(await this.#home.identify!())
    } catch (thrown) {
      this.#giveUp(queue, failureOf(thrown))
    }
    queue.notBefore = 0
  }

  async #find(lost: readonly PartitionQueue[]): Promise<void> {
    for (const queue of lost) queue.notBefore = Number.POSITIVE_INFINITY
    const topics = lost.map(queue => queue.topic)
    const failure = await this.#home.cluster.lookUp(topics).then(() => undefined, failureOf)
    for (const queue of lost) {
      queue.notBefore = 0
      if (!queue.busy || this.#home.cluster.placeOf(queue) !== undefined) continue
      const why = failure ?? this.#home.cluster.absence(queue)
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
      // A request with partitions that are not in the transaction yet waits; what waits with it would be overtaken.
      let enlisted: boolean | undefined
      for (const queue of queues) {
        if (!queue.ready || bytes >= requestBytesMax || (queue.onTheWay > 0 && !this.#isEnlisted(queue))) continue
        enlisted ??= this.#isEnlisted(queue)
        if (this.#isEnlisted(queue) !== enlisted) continue
        queue.broker = broker
        const sealed = queue.next()
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
    const first = queue.isFirst(sealed)
    const miscount = miscounted.has(failure.code)
    // In a transaction it is broken then, and elsewhere what was appended behind it must not come first.
    const hopeless = first && (this.#transactional || queue.overtaken)
    if (failure.retriable || (miscount && !hopeless)) {
      // Behind a batch that failed every other one seems to be out of order. If the first one does, the broker has lost what came before it.
      if (!neverAppended.has(failure.code)) sealed.unsure = true
      const firstToFail = queue.retry()
      if (miscount && first) queue.renew()
      if (firstToFail) this.#delay(queue, failure)
      return
    }
    if (failure.code === 'MESSAGE_TOO_LARGE' && sealed.records > 1) {
      const doubted = !this.#transactional && sealed.unsure
      if (doubted) this.#doubted(sealed, failure)
      if (doubted || queue.split(sealed)) return
    }
    // With other numbers what may be there already would be there twice. A transaction is aborted then.
    if (!this.#transactional && queue.unsure) queue.discard()
    queue.refuse(sealed)
    this.#mend(queue)
    this.#failure ??= failure.code === 'MESSAGE_TOO_LARGE' ? tooLarge(sealed) : failure
  }

  /** What it may have appended before its limit was lowered, the broker would not know in two. Whoever writes it anew may succeed. */
  #doubted({ queue }: Sealed, failure: BrokerError): void {
    queue.retry()
    this.#giveUp(queue, new KafkaError('REQUEST_TIMED_OUT', `whether ${keyOf(queue)} has a batch is not known: ${failure.message}`))
  }

  /** Has the queue wait before the next try, or gives it up. */
  #delay(queue: PartitionQueue, failure: BrokerError): void {
    const now = Date.now()
    if (queue.failures++ === 0) queue.failingSince = now
    queue.notBefore = now + Math.min(retryPauseMs * 2 ** Math.min(queue.failures - 1, 10), longestRetryPauseMs)
    if (now - queue.failingSince >= this.#home.retryForMs) this.#giveUp(queue, failure)
  }

  #giveUp(queue: PartitionQueue, failure: BrokerError): void {
    this.#failure ??= failure
    this.#discard(queue)
  }

  #discard(queue: PartitionQueue): void {
    if (queue.discard()) this.#mend(queue)
  }

  /** Numbers are missing from now on. Whatever still comes of those that were given must not fit, either. */
  #mend(queue: PartitionQueue): void {
    this.gap = true
    if (!this.#transactional) queue.renew()
  }
}

/** The broker does not say how large it was: whoever raises the limit wants to know. */
function tooLarge({ queue: { topic, partition }, bytes }: Sealed): BrokerError {
  const message = `a batch of one record has ${bytes.length} bytes, more than ${topic}, partition ${partition} takes`
  return new KafkaError('MESSAGE_TOO_LARGE', message, { at: { topic, partition } })
}
