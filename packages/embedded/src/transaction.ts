import { BrokerError, type Clock, type CommittedOffset, encodeMarker, type TopicPartition } from '@riacho/streams/engine'
import { fencedProducer, nameOf } from './errors.ts'
import type { Journal } from './journal.ts'
import type { PartitionLog } from './log.ts'
import type { GroupOffsets } from './offsets.ts'

/** The transactions of one producer, from its start until a newer one takes its place. */
export interface Transaction {
  readonly transactionalId: string
  readonly producerId: number
  readonly epoch: number
  readonly timeout: number
  /** Set once nothing of this producer counts any more. */
  fenced: BrokerError | undefined
  /** A failed write: this transaction can only be aborted. */
  failed: BrokerError | undefined
  open: boolean
  readonly logs: Set<PartitionLog>
  readonly offsets: Map<string, CommittedOffset[]>
  /** Ends the wait for the time-out. */
  expiry: AbortController
}

/** Markers that could not be written yet: readers wait at the transaction until they are. */
interface Owed {
  readonly kind: 'commit' | 'abort'
  readonly log: PartitionLog
  readonly producerId: number
  readonly epoch: number
}

const epochMax = 32767
/** Milliseconds that a reader of committed offsets waits for transactions. */
const stableMax = 30_000

const timedOut = ({ transactionalId, timeout }: Transaction): BrokerError =>
  new BrokerError(
    'TRANSACTION_TIMED_OUT',
    `The transaction of "${transactionalId}" was open for more than ${timeout} ms and is aborted. Abort it here too.`,
    {
      abortable: true,
    },
  )

const unstable = (group: string): BrokerError =>
  new BrokerError('UNSTABLE_OFFSET_COMMIT', `A transaction holds offsets of group "${group}" for more than ${stableMax} ms. Ask again.`, {
    retriable: true,
  })

/** Who may write under which transactional id, which transactions are open, and their end. */
export class Transactions {
  readonly #clock: Clock
  readonly #journal: Journal
  readonly #offsets: GroupOffsets
  readonly #byId = new Map<string, Transaction>()
  readonly #waiters = new Set<AbortController>()
  #closed = false
  #owed: Owed[] = []
  #nextProducerId: number

  constructor(clock: Clock, journal: Journal, offsets: GroupOffsets, nextProducerId: number) {
    this.#clock = clock
    this.#journal = journal
    this.#offsets = offsets
    this.#nextProducerId = nextProducerId
  }

  /** An identity for a producer without transactions. */
  newProducerId(): number {
    return this.#nextProducerId++
  }

  /** Takes over a transactional id: the older producer is fenced and what it left open is aborted. */
  start(transactionalId: string, timeout: number): Transaction {
    const older = this.#byId.get(transactionalId)
    if (older !== undefined) this.#fence(older, 'a newer producer uses the id')
    this.payOwed()
    if (older !== undefined && this.#owes(older)) throw this.#unfinished(transactionalId)
    const again = older !== undefined && older.epoch < epochMax
    const transaction: Transaction = {
      transactionalId,
      producerId: again ? older.producerId : this.newProducerId(),
      epoch: again ? older.epoch + 1 : 0,
      timeout,
      fenced: undefined,
      failed: undefined,
      open: false,
      logs: new Set(),
      offsets: new Map(),
      expiry: new AbortController(),
    }
    this.#byId.set(transactionalId, transaction)
    return transaction
  }

  /** Opens the transaction, if it is not. Past its time-out it is aborted, and has failed. */
  begin(transaction: Transaction): void {
    if (transaction.open || transaction.failed !== undefined) return
    transaction.open = true
    this.payOwed()
    // Records before the missing marker would belong to the last transaction.
    if (this.#owes(transaction)) transaction.failed = this.#unfinished(transaction.transactionalId)
    const expiry = new AbortController()
    transaction.expiry = expiry
    void this.#clock.sleep(transaction.timeout, expiry.signal).then(() => {
      if (expiry.signal.aborted) return
      this.end(transaction, 'abort')
      transaction.failed = timedOut(transaction)
    })
  }

  /** Ends the transaction. Commit: all of it or, when this throws an abortable error, nothing yet. */
  end(transaction: Transaction, kind: 'commit' | 'abort'): void {
    if (!transaction.open) {
      transaction.failed = undefined
      return
    }
    const { producerId, epoch } = transaction
    const logs = [...transaction.logs]
    this.payOwed()
    if (kind === 'commit') {
      const partitions = logs.map(log => [log.topic, log.partition, log.end] as const)
      const offsets = [...transaction.offsets]
      this.#journal.append({ kind: 'decision', producerId, epoch, partitions, offsets })
      for (const [group, committed] of offsets) this.#offsets.apply(group, committed)
    }
    transaction.expiry.abort()
    transaction.open = false
    transaction.failed = undefined
    transaction.logs.clear()
    transaction.offsets.clear()
    this.#owed.push(...logs.filter(log => log.open.has(producerId)).map(log => ({ kind, log, producerId, epoch })))
    this.payOwed()
    for (const waiter of this.#waiters) waiter.abort()
  }

  /** Writes the markers that are owed; what fails stays owed. */
  payOwed(): void {
    if (this.#owed.length > 0) this.#owed = this.#owed.filter(owed => !this.#pay(owed))
    if (this.#owed.length === 0) this.#journal.tidy()
  }

  /** Resolves when no open transaction holds offsets of these partitions. Rejects with UNSTABLE_OFFSET_COMMIT when that takes too long. */
  async stable(group: string, of: readonly TopicPartition[]): Promise<void> {
    const names = new Set(of.map(nameOf))
    const holds = (one: Transaction): boolean => one.open && (one.offsets.get(group)?.some(offset => names.has(nameOf(offset))) ?? false)
    const deadline = this.#clock.now() + stableMax
    while (!this.#closed && [...this.#byId.values()].some(holds)) {
      const left = deadline - this.#clock.now()
      if (left <= 0) throw unstable(group)
      const changed = new AbortController()
      this.#waiters.add(changed)
      await this.#clock.sleep(left, changed.signal)
      this.#waiters.delete(changed)
    }
  }

  /** Stops the timers. What is open stays undecided. */
  close(): void {
    this.#closed = true
    for (const transaction of this.#byId.values()) transaction.expiry.abort()
    for (const waiter of this.#waiters) waiter.abort()
  }

  #pay({ kind, log, producerId, epoch }: Owed): boolean {
    try {
      log.append(encodeMarker(kind, producerId, epoch, this.#clock.now()))
      return true
    } catch (thrown) {
      if (thrown instanceof BrokerError) return false
      throw thrown
    }
  }

  #owes(transaction: Transaction): boolean {
    return this.#owed.some(one => one.producerId === transaction.producerId)
  }

  #unfinished(transactionalId: string): BrokerError {
    const message = `The end of the last transaction of "${transactionalId}" is not written yet. Free some disk space and try again.`
    return new BrokerError('CONCURRENT_TRANSACTIONS', message, { retriable: true, abortable: true })
  }

  #fence(transaction: Transaction, why: string): void {
    transaction.fenced = fencedProducer(transaction.transactionalId, why)
    this.end(transaction, 'abort')
  }
}
