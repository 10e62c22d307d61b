import type { Asked, AsyncFacts, Node, OnError } from '../contract/node.ts'
import type { StreamRecord } from '../contract/record.ts'
import type { Places } from '../contract/sink.ts'
import type { Emit, Held, Position, Task } from '../contract/task.ts'
import { RiachoError, reasonOf } from '../errors.ts'
import { deadLettersOf } from '../plan/failure.ts'
import { checkPartitioned } from '../plan/node.ts'
import type { BreakerOptions, Ended } from './breaker.ts'
import { type Entry, endedBy, Flight, isHelpful, isSame, isUntried, ownError, placeOf } from './flight.ts'
import { Gate } from './gate.ts'
import { Lanes, laneOf } from './lanes.ts'
import { counted, longestRetry, type Retry, tryOnce } from './retry.ts'

/** Options of an asynchronous stage. Times are milliseconds. */
export interface AsyncOptions {
  /** Default: no retry. */
  readonly retry?: Retry
  /** What a record does whose work failed for good. Default 'fail'. */
  readonly onError?: OnError
  /** 'key': results go on as they come, those of a key in order; needs a stream that is partitioned by key. 'partition': all in input order. Default: 'key' where it can be. */
  readonly order?: 'key' | 'partition'
  /** A batch is closed at `recordsMax` records or `wait` milliseconds after its first. Default 500, 20. */
  readonly batch?: { readonly recordsMax: number; readonly wait: number }
  /** Batches at work at once. Default 4; of single records 64. */
  readonly inFlightMax?: number
  /** Records inside the stage; beyond it the task is not fed. Default 10,000. */
  readonly heldMax?: number
  /** Most time of one try. Default 30,000. */
  readonly timeout?: number
  /**
   * When to leave the system alone. While it is left alone its tasks read nothing, and no record uses up a try. Default: with `retry` on, else off; `false` is off.
   */
  readonly breaker?: BreakerOptions | false
  /** Batches at work at once in this process, over all tasks (a bulkhead). Default: no bound but `inFlightMax` of each task. */
  readonly inFlightTotalMax?: number
}

/** Options whose batch is decided. */
type BatchedOptions = AsyncOptions & Required<Pick<AsyncOptions, 'batch'>>

/** The work of a stage: results in the order of the batch. */
export interface Work<A, B> {
  open?(): Promise<void>
  /** `tried` are the records of the batch as this try is shown them: with the count of their retries. */
  run(batch: readonly A[], signal: AbortSignal, tried: readonly A[], places: Places): Promise<readonly B[]>
  /** What a record hands on that was written although others of its batch could not be. */
  written?(record: A): B
  close?(): Promise<void>
}

/** Facts of an asynchronous node. Throws `RIACHO_NOT_PARTITIONED` for an order by key that cannot be, `RIACHO_OPTION` for limits that make no sense. */
export function stageFacts(
  parent: Node,
  label: string,
  options: AsyncOptions,
  idempotent: boolean,
): { kind: 'async'; keyed: boolean; async: AsyncFacts; deadLetters?: readonly string[] } {
  if (options.order === 'key') checkPartitioned(parent, label)
  const limits = {
    heldMax: options.heldMax ?? 1,
    inFlightMax: options.inFlightMax ?? 1,
    recordsMax: options.batch?.recordsMax ?? 1,
    timeout: options.timeout ?? 1,
    inFlightTotalMax: options.inFlightTotalMax ?? 1,
    ...(options.breaker && {
      'breaker.failures': options.breaker.failures ?? 1,
      'breaker.pause.min': options.breaker.pause?.min ?? 1,
      'breaker.pause.max': options.breaker.pause?.max ?? 1,
    }),
  }
  for (const [name, limit] of Object.entries(limits)) {
    if (!(Number.isSafeInteger(limit) && limit > 0))
      throw new RiachoError('RIACHO_OPTION', `'${label}': ${name} is a whole number above 0, not ${limit}`)
  }
  const keyed = options.order !== 'partition' && parent.partitioned
  return {
    kind: 'async',
    keyed,
    async: Object.freeze({ order: options.order ?? (keyed ? undefined : 'partition'), idempotent, retryMs: longestRetry(options.retry) }),
    ...deadLettersOf(options.onError),
  }
}

/** The gate of an operator, which its tasks share. */
export function gateOf({ breaker, retry, inFlightTotalMax }: AsyncOptions): Gate {
  return new Gate(breaker ?? (retry === undefined ? false : {}), inFlightTotalMax)
}

/** Opens an asynchronous stage: bounded, batched, retried, in order. */
export function stage<A extends StreamRecord<unknown, unknown>, B>(
  task: Task,
  out: Emit<B>,
  label: string,
  asked: Asked,
  options: BatchedOptions,
  work: Work<A, B>,
  gate: Gate = gateOf(options),
): Emit<A> {
  const made = new Stage(task, out, label, asked, options, work, gate)
  task.hold(made)
  return record => made.take(record)
}

class Stage<A extends StreamRecord<unknown, unknown>, B> implements Held {
  size = 0
  readonly #task: Task
  readonly #out: Emit<B>
  readonly #label: string
  readonly #asked: Asked
  readonly #inOrder: boolean
  readonly #options: BatchedOptions
  readonly #work: Work<A, B>
  readonly #gate: Gate
  readonly #inFlightMax: number
  readonly #heldMax: number
  /** All entries in input order; only kept when results leave in that order. */
  #line: Entry<A, B>[] = []
  readonly #lanes = new Lanes<Entry<A, B>>()
  #taken = 0
  #last: Position | null = null
  #nth = 0
  #flying = 0
  /** Work that has paused and waits for a place: before all that has not begun. */
  #parked: (() => void)[] = []
  readonly #working = new Set<Promise<void>>()
  /** A record has stopped the task: no more work begins, so that none of its key passes it. */
  #stopped = false
  #flushing = false
  #timer: AbortController | undefined
  #abort = new AbortController()
  #opened: Promise<void> | undefined
  /** The last try to open failed: that is no record's fault. */
  #unopened = false
  #waiters: (() => void)[] = []

  constructor(task: Task, out: Emit<B>, label: string, asked: Asked, options: BatchedOptions, work: Work<A, B>, gate: Gate) {
    this.#task = task
    this.#out = out
    this.#label = label
    this.#asked = asked
    this.#inOrder = asked.order === 'partition'
    this.#options = options
    this.#work = work
    this.#gate = gate
    this.#inFlightMax = options.inFlightMax ?? (options.batch.recordsMax === 1 ? 64 : 4)
    this.#heldMax = options.heldMax ?? 10_000
  }

  get full(): boolean {
    if (this.size >= this.#heldMax) return true
    // Of a system that is left alone no more is read than what tries whether it is back.
    return !this.#gate.isClosed && (this.size >= this.#options.batch.recordsMax || this.#gate.isBroken(this.#task.now()))
  }

  take(record: A): void {
    const position = this.#task.position()
    this.#nth = position !== null && isSame(position, this.#last) ? this.#nth + 1 : 0
    this.#last = position
    const entry: Entry<A, B> = {
      n: this.#taken++,
      record,
      lane: laneOf(record.key),
      at: this.#asked.origins ? (this.#asked.origin?.(record) ?? this.#task.origin()) : position,
      from: position,
      nth: this.#nth,
      state: 'open',
      result: undefined,
    }
    this.size++
    if (this.#inOrder) this.#line.push(entry)
    this.#lanes.add(entry)
    this.#start(false)
  }

  flush(): void {
    this.#flushing = this.size > 0
    this.#start(true)
  }

  progress(): Promise<void> {
    return this.size === 0 ? Promise.resolve() : new Promise(resolve => this.#waiters.push(resolve))
  }

  abort(): void {
    this.#abort.abort()
    this.#abort = new AbortController()
    this.#timer?.abort()
    this.#timer = undefined
    this.#line = []
    this.#lanes.clear()
    this.#flying = 0
    this.size = 0
    const parked = this.#parked
    this.#parked = []
    for (const resolve of parked) resolve()
    this.#moved()
  }

  async close(): Promise<void> {
    this.abort()
    // What was given up may still be writing: nothing is closed under it, and nobody takes its place before.
    await Promise.all(this.#working)
    if (this.#opened !== undefined) await this.#work.close?.()
    this.#opened = undefined
  }

  /** Starts batches while there are enough records, or any when it is time. */
  #start(now: boolean): void {
    const { recordsMax, wait } = this.#options.batch
    while (!this.#stopped && this.#flying < this.#inFlightMax && this.#lanes.ready > 0) {
      if (!now && !this.#flushing && this.#lanes.ready < recordsMax && wait > 0) {
        this.#wake(wait)
        return
      }
      const work = this.#fly(new Flight(this.#lanes.next(recordsMax))).finally(() => this.#working.delete(work))
      this.#working.add(work)
    }
  }

  #wake(wait: number): void {
    if (this.#timer !== undefined) return
    const timer = new AbortController()
    this.#timer = timer
    void this.#task.sleep(wait, timer.signal).then(() => {
      if (timer.signal.aborted) return
      this.#timer = undefined
      this.#start(true)
    })
  }

  /** Tries until all records of a flight are written or given up. Between tries it has no place among those at work, and holds up the lanes of its records only. */
  async #fly(flight: Flight<A, B>): Promise<void> {
    const { signal } = this.#abort
    this.#flying++
    for (;;) {
      const began = this.#task.now()
      if (!this.#gate.tryEnter(flight, began) && !(await this.#gate.enter(flight, this.#task, signal))) return
      const failure = await this.#try(flight, signal)
      if (signal.aborted) return
      const before = flight.entries
      const wait = failure === undefined ? undefined : this.#sort(flight, failure.error, this.#task.now() - began)
      this.#leave(before, wait === undefined ? flight.rest : [...flight.entries, ...flight.rest])
      if (wait === undefined || this.#stopped) return
      if (wait > 0) await this.#task.sleep(wait, signal)
      if (signal.aborted || !(await this.#place(signal))) return
      if (flight.apart) return this.#flyApart(flight, signal)
    }
  }

  /** Each record alone, in order, because one of them spoils what they are written with. */
  async #flyApart(flight: Flight<A, B>, signal: AbortSignal): Promise<void> {
    const { entries } = flight
    for (const [i, entry] of entries.entries()) {
      if (i > 0 && !(await this.#place(signal))) return
      // The place that it has is what `#fly` takes.
      this.#flying--
      await this.#fly(flight.alone(entry, entries.slice(i + 1)))
      if (signal.aborted || this.#stopped) return
    }
  }

  /** Waits for a place among those at work. False: aborted meanwhile. */
  async #place(signal: AbortSignal): Promise<boolean> {
    if (this.#flying < this.#inFlightMax) this.#flying++
    else await new Promise<void>(resolve => this.#parked.push(resolve))
    return !signal.aborted
  }

  /** The work of a flight pauses, or is over: its place is free, and the lanes of its entries but for those in `still`. */
  #leave(batch: readonly Entry<A, B>[], still: readonly Entry<A, B>[]): void {
    this.#flying--
    this.#lanes.release(batch, still)
    if (this.#parked.length > 0) {
      this.#flying++
      this.#parked.shift()!()
    }
    this.#start(false)
    this.#moved()
  }

  /** One try, told to the gate. What was written goes on. */
  async #try(flight: Flight<A, B>, signal: AbortSignal): Promise<{ readonly error: unknown } | undefined> {
    const records = flight.entries.map(entry => entry.record)
    const tried = flight.attempts === 0 ? records : records.map(record => counted(record, flight.attempts))
    let ended: Ended = 'left'
    let reason = ''
    try {
      const results = await tryOnce({
        timeout: this.#options.timeout ?? 30_000,
        signal,
        sleep: (duration, stop) => this.#task.sleep(duration, stop),
        run: async stop => {
          await this.#open()
          return this.#work.run(records, stop, tried, flight)
        },
      })
      ended = 'worked'
      if (!signal.aborted) this.#done(flight, results)
      return undefined
    } catch (error) {
      if (!signal.aborted) ended = endedBy(error, records.length)
      reason = reasonOf(error)
      return { error }
    } finally {
      const change = this.#gate.leave(flight, ended, this.#task.now())
      if (change === 'opened') this.#task.tell?.(`'${this.#label}' leaves its system alone, which fails, and reads no more: ${reason}`)
      if (change === 'closed') this.#task.tell?.(`'${this.#label}': its system works again`)
    }
  }

  async #open(): Promise<void> {
    this.#opened ??= this.#work.open?.() ?? Promise.resolve()
    try {
      await this.#opened
      this.#unopened = false
    } catch (error) {
      this.#opened = undefined
      this.#unopened = true
      throw error
    }
  }

  /** What becomes of the records of a flight that failed: those that are tried again stay in it. Returns the pause before that. */
  #sort(flight: Flight<A, B>, error: unknown, took: number): number | undefined {
    const { retry } = this.#options
    const wait = flight.failed(error, retry, took, this.#task.now(), !this.#gate.isClosed)
    if (flight.apart) return 0
    const again: Entry<A, B>[] = []
    const untried: Entry<A, B>[] = []
    for (const [i, entry] of flight.entries.entries()) {
      const own = ownError(error, i, this.#work.written !== undefined)
      if (own === undefined) finish(entry, this.#work.written!(entry.record))
      else if (isUntried(own)) untried.push(entry)
      else if (wait !== undefined && isHelpful(own)) again.push(entry)
      else if (!this.#stopped) this.#gone(entry, own, flight)
    }
    this.#lanes.putBack(untried)
    flight.entries = again
    this.#handOn(flight)
    return again.length === 0 ? undefined : wait
  }

  #done(flight: Flight<A, B>, results: readonly B[]): void {
    flight.entries.forEach((entry, i) => {
      finish(entry, results[i] as B)
    })
    this.#handOn(flight)
  }

  #handOn(flight: Flight<A, B>): void {
    if (this.#inOrder) this.#advance()
    else if (!this.#stopped)
      for (const entry of flight.finished()) {
        this.size--
        this.#task.resume(entry.at, this.#out, entry.result as B)
      }
  }

  /** A record that stops the task stays inside: nothing after it goes on, and no drain takes it for done. */
  #gone(entry: Entry<A, B>, error: unknown, { attempts, firstFailure }: Flight<A, B>): void {
    const { onError = 'fail' } = this.#options
    if (onError === 'fail' || this.#unopened) {
      this.#stopped = true
      const what = this.#unopened ? 'could not be opened' : `failed after ${attempts} tries`
      const reason = `'${this.#label}' ${what}: ${reasonOf(error)}; mend it${this.#unopened ? '' : ', or give the stage an onError'}`
      this.#task.fail(new RiachoError('RIACHO_ASYNC', reason, { cause: error, place: { node: this.#label, ...placeOf(entry) } }))
      return
    }
    entry.state = 'gone'
    if (onError === 'skip') this.#task.drop('processing')
    else {
      const failure = { code: 'RIACHO_ASYNC', reason: reasonOf(error), node: this.#label, attempts, firstFailure }
      this.#task.resume(entry.at, () => this.#task.deadLetter(onError.deadLetter, failure), undefined)
    }
    if (this.#inOrder) this.#advance()
    else this.size--
  }

  /** Hands on what is finished at the head of the line. */
  #advance(): void {
    let finished = 0
    while (finished < this.#line.length && this.#line[finished]!.state !== 'open') finished++
    const entries = this.#line.splice(0, finished)
    this.size -= finished
    for (const entry of entries) if (entry.state === 'done') this.#task.resume(entry.at, this.#out, entry.result as B)
  }

  #moved(): void {
    if (this.size === 0) this.#flushing = false
    const waiters = this.#waiters
    this.#waiters = []
    for (const resolve of waiters) resolve()
  }
}

function finish<A, B>(entry: Entry<A, B>, result: B): void {
  entry.state = 'done'
  entry.result = result
}
