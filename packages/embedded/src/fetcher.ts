import {
  type AbortedTransaction,
  BatchCursor,
  BrokerError,
  type Clock,
  type Fetcher,
  type FetchOptions,
  type RecordBatches,
  type RecordCursor,
  type TopicPartition,
} from '@riacho/streams/engine'
import { closed, nameOf } from './errors.ts'
import type { Slice } from './frames.ts'
import type { PartitionLog, Range } from './log.ts'

interface Entry {
  readonly log: PartitionLog | BrokerError
  readonly at: TopicPartition
  offset: number
  paused: boolean
}

/** What a fetcher needs of its broker. */
export interface FetcherHome {
  readonly clock: Clock
  /** The partition's log, or why there is none. */
  log(at: TopicPartition): PartitionLog | BrokerError
  /** Looks for what another process has written, or what could not be written yet. */
  refresh(): void
  closed(fetcher: Fetcher): void
}

/** Milliseconds between two looks at what another process writes. */
const refreshInterval = 200

/** Reads partitions in turns and lends slices of them. */
export class LogFetcher implements Fetcher {
  readonly #home: FetcherHome
  readonly #committed: boolean
  readonly #partitionBytesMax: number
  readonly #bytesMax: number
  readonly #watch: boolean
  readonly #entries = new Map<string, Entry>()
  /** The order of turns: who was served goes to the end. */
  #turns: Entry[] = []
  #wait: AbortController | undefined
  #woken = false
  #closed = false
  readonly #arrived = (): void => this.#wait?.abort()

  /** `watch`: look for other processes' records while waiting. */
  constructor(home: FetcherHome, options: FetchOptions, watch: boolean) {
    this.#home = home
    this.#watch = watch
    this.#committed = options.isolation === 'read_committed'
    this.#partitionBytesMax = options.partitionBytesMax ?? 1024 * 1024
    this.#bytesMax = options.bytesMax ?? 16 * 1024 * 1024
  }

  add(at: TopicPartition, offset: number): void {
    this.remove(at)
    const entry: Entry = { log: this.#home.log(at), at, offset, paused: false }
    this.#entries.set(nameOf(at), entry)
    this.#turns.push(entry)
    if (!(entry.log instanceof BrokerError)) entry.log.listeners.add(this.#arrived)
    this.#arrived()
  }

  remove(at: TopicPartition): void {
    const entry = this.#entries.get(nameOf(at))
    if (entry === undefined) return
    this.#entries.delete(nameOf(at))
    this.#turns = this.#turns.filter(one => one !== entry)
    if (!(entry.log instanceof BrokerError)) entry.log.listeners.delete(this.#arrived)
  }

  pause(at: TopicPartition): void {
    this.#entry(at).paused = true
  }

  resume(at: TopicPartition): void {
    this.#entry(at).paused = false
    this.#arrived()
  }

  seek(at: TopicPartition, offset: number): void {
    this.#entry(at).offset = offset
    this.#arrived()
  }

  async poll(maxWait: number): Promise<readonly RecordBatches[]> {
    if (this.#wait !== undefined)
      throw new BrokerError('POLL_BUSY', 'A fetcher does one poll at a time. Wait for the last one, or wake it.')
    const { clock } = this.#home
    const deadline = clock.now() + maxWait
    for (;;) {
      if (this.#closed) throw closed('fetcher')
      const slices = this.#collect()
      const left = deadline - clock.now()
      if (slices.length > 0 || this.#woken || left <= 0) {
        this.#woken = false
        return slices
      }
      this.#wait = new AbortController()
      await clock.sleep(this.#watch ? Math.min(left, refreshInterval) : left, this.#wait.signal)
      this.#wait = undefined
    }
  }

  wake(): void {
    this.#woken = true
    this.#arrived()
  }

  close(): void {
    if (this.#closed) return
    for (const entry of [...this.#turns]) this.remove(entry.at)
    this.#closed = true
    this.#arrived()
    this.#home.closed(this)
  }

  #entry(at: TopicPartition): Entry {
    const entry = this.#entries.get(nameOf(at))
    if (entry === undefined) throw new BrokerError('NOT_FETCHED', `This fetcher does not read ${nameOf(at)}. Add it first.`)
    return entry
  }

  #collect(): RecordBatches[] {
    this.#home.refresh()
    // Before anything is lent: a slice must not get lost with the error.
    for (const entry of this.#turns) checkOffset(entry)
    const slices: RecordBatches[] = []
    const served: Entry[] = []
    let room = this.#bytesMax
    for (const entry of this.#turns) {
      const log = entry.log
      if (entry.paused || log instanceof BrokerError) continue
      if (room <= 0) break
      const limit = this.#committed ? log.lastStable : log.end
      const range = log.range(entry.offset, limit, Math.min(this.#partitionBytesMax, room))
      if (range === undefined) continue
      const bytes = range.end - range.start
      if (bytes > room && slices.length > 0) continue
      slices.push(this.#lend(log, entry.offset, range))
      entry.offset = range.next
      room -= bytes
      served.push(entry)
    }
    if (served.length > 0 && served.length < this.#turns.length)
      this.#turns = [...this.#turns.filter(one => !served.includes(one)), ...served]
    return slices
  }

  #lend(log: PartitionLog, from: number, range: Range): RecordBatches {
    return new Loan(log, from, log.lend(range), this.#committed ? log.abortedIn(from, range.next) : undefined)
  }
}

function checkOffset(entry: Entry): void {
  const log = entry.log
  if (log instanceof BrokerError) throw log
  if (entry.offset >= log.start && entry.offset <= log.end) return
  throw new BrokerError(
    'OFFSET_OUT_OF_RANGE',
    `${nameOf(log)} holds offsets ${log.start} to ${log.end}; ${entry.offset} was asked for. Seek to one of them, or reset the position.`,
    { at: { topic: log.topic, partition: log.partition } },
  )
}

/** A slice on loan. */
class Loan implements RecordBatches {
  readonly topic: string
  readonly partition: number
  readonly bytes: number
  readonly highWatermark: number
  readonly lastStable: number
  readonly #slice: Slice
  readonly #from: number
  readonly #aborted: readonly AbortedTransaction[] | undefined
  readonly #checkCrc: boolean
  #released = false

  constructor(log: PartitionLog, from: number, slice: Slice, aborted: readonly AbortedTransaction[] | undefined) {
    this.topic = log.topic
    this.partition = log.partition
    this.bytes = slice.end - slice.start
    this.highWatermark = log.end
    this.lastStable = log.lastStable
    this.#slice = slice
    this.#from = from
    this.#aborted = aborted
    this.#checkCrc = log.checked
  }

  cursor(): RecordCursor {
    const { frame, start, end } = this.#slice
    return new BatchCursor(frame, start, end, this.#from, { aborted: this.#aborted, checkCrc: this.#checkCrc })
  }

  release(): void {
    if (this.#released)
      throw new BrokerError('LOAN_RELEASED', `A slice of ${this.topic}-${this.partition} was released twice. Release each once.`)
    this.#released = true
    this.#slice.release()
  }
}
