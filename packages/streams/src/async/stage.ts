import type { Asked, AsyncFacts, Node, OnError } from '../contract/node.ts'
import type { StreamRecord } from '../contract/record.ts'
import { SinkError } from '../contract/sink.ts'
import type { Emit, Held, Origin, Position, Task } from '../contract/task.ts'
import { RiachoError, reasonOf } from '../errors.ts'
import { deadLettersOf } from '../plan/failure.ts'
import { checkPartitioned } from '../plan/node.ts'
import { type LaneEntry, Lanes } from './lanes.ts'
import { attempt, longestRetry, type Outcome, type Retry } from './retry.ts'

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
}

/** Options whose batch is decided. */
type BatchedOptions = AsyncOptions & Required<Pick<AsyncOptions, 'batch'>>

/** The work of a stage: results in the order of the batch. */
export interface Work<A, B> {
  open?(): Promise<void>
  run(batch: readonly A[], signal: AbortSignal): Promise<readonly B[]>
  /** What a record hands on that was written although others of its batch could not be. */
  written?(record: A): B
  close?(): Promise<void>
}

interface Entry<A, B> extends LaneEntry {
  readonly record: A
  /** With the original record when a dead letter may need it. */
  readonly at: Position | Origin | null
  state: 'open' | 'done' | 'gone'
  result: B | undefined
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

/** Opens an asynchronous stage: bounded, batched, retried, in order. */
export function stage<A extends StreamRecord<unknown, unknown>, B>(
  task: Task,
  out: Emit<B>,
  label: string,
  asked: Asked,
  options: BatchedOptions,
  work: Work<A, B>,
): Emit<A> {
  const made = new Stage(task, out, label, asked, options, work)
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
  readonly #inFlightMax: number
  readonly #heldMax: number
  /** All entries in input order; only kept when results leave in that order. */
  #line: Entry<A, B>[] = []
  readonly #lanes = new Lanes<Entry<A, B>>()
  #taken = 0
  #flying = 0
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

  constructor(task: Task, out: Emit<B>, label: string, asked: Asked, options: BatchedOptions, work: Work<A, B>) {
    this.#task = task
    this.#out = out
    this.#label = label
    this.#asked = asked
    this.#inOrder = asked.order === 'partition'
    this.#options = options
    this.#work = work
    this.#inFlightMax = options.inFlightMax ?? (options.batch.recordsMax === 1 ? 64 : 4)
    this.#heldMax = options.heldMax ?? 10_000
  }

  get full(): boolean {
    return this.size >= this.#heldMax
  }

  take(record: A): void {
    const entry: Entry<A, B> = {
      n: this.#taken++,
      record,
      lane: laneOf(record.key),
      at: this.#asked.origins ? (this.#asked.origin?.(record) ?? this.#task.origin()) : this.#task.position(),
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
      const work = this.#fly(this.#lanes.next(recordsMax)).finally(() => this.#working.delete(work))
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

  async #fly(batch: readonly Entry<A, B>[]): Promise<void> {
    const { signal } = this.#abort
    this.#flying++
    const outcome = await this.#tried(batch, signal)
    if (signal.aborted || outcome.kind === 'aborted') return
    if (outcome.kind === 'done') this.#done(batch, outcome.result)
    else if (outcome.error instanceof SinkError && outcome.error.indexes !== undefined && this.#work.written !== undefined) {
      const poison = new Set(outcome.error.indexes)
      for (const [i, entry] of batch.entries()) {
        if (poison.has(i)) this.#gone(entry, outcome)
        else this.#done([entry], [this.#work.written(entry.record)])
      }
    } else if (batch.length > 1 && outcome.error instanceof SinkError && outcome.error.kind === 'poison') {
      for (const entry of batch) {
        const single = await this.#tried([entry], signal)
        if (signal.aborted || single.kind === 'aborted') return
        if (single.kind === 'done') this.#done([entry], single.result)
        else this.#gone(entry, single)
        if (this.#stopped) break
      }
    } else for (const entry of batch) this.#gone(entry, outcome)
    if (signal.aborted) return
    this.#flying--
    this.#lanes.release(batch)
    this.#start(false)
    this.#moved()
  }

  #tried(batch: readonly Entry<A, B>[], signal: AbortSignal): Promise<Outcome<readonly B[]>> {
    const records = batch.map(entry => entry.record)
    return attempt({
      retry: this.#options.retry ?? { retriesMax: 0 },
      timeout: this.#options.timeout ?? 30_000,
      signal,
      now: () => this.#task.now(),
      sleep: (duration, stop) => this.#task.sleep(duration, stop),
      run: async stop => {
        this.#opened ??= this.#work.open?.() ?? Promise.resolve()
        try {
          await this.#opened
          this.#unopened = false
        } catch (error) {
          this.#opened = undefined
          this.#unopened = true
          throw error
        }
        return this.#work.run(records, stop)
      },
    })
  }

  #done(batch: readonly Entry<A, B>[], results: readonly B[]): void {
    batch.forEach((entry, i) => {
      if (this.#inOrder) {
        entry.state = 'done'
        entry.result = results[i]
      } else {
        this.size--
        this.#task.resume(entry.at, this.#out, results[i] as B)
      }
    })
    if (this.#inOrder) this.#advance()
  }

  /** A record that stops the task stays inside: nothing after it goes on, and no drain takes it for done. */
  #gone(entry: Entry<A, B>, { error, attempts, firstFailure }: Extract<Outcome<B>, { kind: 'failed' }>): void {
    const { onError = 'fail' } = this.#options
    if (onError === 'fail' || this.#unopened) {
      this.#stopped = true
      const what = this.#unopened ? 'could not be opened' : `failed after ${attempts} tries`
      const reason = `'${this.#label}' ${what}: ${reasonOf(error)}; mend it${this.#unopened ? '' : ', or give the stage an onError'}`
      this.#task.fail(new RiachoError('RIACHO_ASYNC', reason, { cause: error, place: { node: this.#label, ...place(entry.at) } }))
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

/** Where a record was, without the record. */
function place(at: Position | Origin | null): Partial<Position> {
  return at === null ? {} : { topic: at.topic, partition: at.partition, offset: at.offset }
}

function laneOf(key: unknown): string | number | null {
  if (key === null || key === undefined) return null
  return typeof key === 'string' || typeof key === 'number' ? key : typeof key === 'bigint' ? `${key}n` : JSON.stringify(key)
}
