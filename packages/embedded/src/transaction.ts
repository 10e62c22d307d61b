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

/** Who may write under which transactional id, which transactions are open, and their end. */
export class Transactions {
  readonly #clock: Clock
  readonly #journal: Journal
  readonly #offsets: GroupOffsets
  readonly #byId = new Map<string, Transaction>()
  readonly #waiters = new Set<() => void>()
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
    if (this.#owed.some(one => one.producerId === older?.producerId))
      throw new BrokerError(
        'CONCURRENT_TRANSACTIONS',
        `The end of the last transaction of "${transactionalId}" is not written yet. Free some disk space and try again.`,
        { retriable: true },
      )
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

  /** Opens the transaction, if it is not. Past its time-out it is aborted and its producer fenced. */
  begin(transaction: Transaction): void {
    if (transaction.open) return
    transaction.open = true
    const expiry = new AbortController()
    transaction.expiry = expiry
    void this.#clock.sleep(transaction.timeout, expiry.signal).then(() => {
      if (!expiry.signal.aborted) this.#fence(transaction, `its transaction was open for more than ${transaction.timeout} ms`)
    })
  }

  /** Ends the transaction. Commit: all of it or, when this throws an abortable error, nothing yet. */
  end(transaction: Transaction, kind: 'commit' | 'abort'): void {
    if (!transaction.open) return
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
    for (const wake of this.#waiters) wake()
    this.#waiters.clear()
  }

  /** Writes the markers that are owed; what fails stays owed. */
  payOwed(): void {
    this.#owed = this.#owed.filter(({ kind, log, producerId, epoch }) => {
      try {
        log.append(encodeMarker(kind, producerId, epoch, this.#clock.now()))
        return false
      } catch (thrown) {
        if (thrown instanceof BrokerError) return true
        throw thrown
      }
    })
    if (this.#owed.length === 0) this.#journal.tidy()
  }

  /** Resolves when no open transaction holds offsets of these partitions. */
  async stable(group: string, of: readonly TopicPartition[]): Promise<void> {
    const names = new Set(of.map(nameOf))
    const holds = (one: Transaction): boolean => one.open && (one.offsets.get(group)?.some(offset => names.has(nameOf(offset))) ?? false)
    while ([...this.#byId.values()].some(holds)) await new Promise<void>(resolve => this.#waiters.add(resolve))
  }

  /** Stops the timers. What is open stays undecided. */
  close(): void {
    for (const transaction of this.#byId.values()) transaction.expiry.abort()
    for (const wake of this.#waiters) wake()
  }

  #fence(transaction: Transaction, why: string): void {
    transaction.fenced = fencedProducer(transaction.transactionalId, why)
    this.end(transaction, 'abort')
  }
}
