import type { Asked } from '../contract/node.ts'
import type { Change, StreamRecord, Windowed } from '../contract/record.ts'
import type { Row, WindowStore } from '../contract/store.ts'
import type { Emit, StoreSpec, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { failed } from '../plan/failure.ts'
import { windowStoreByKey } from '../store/window.ts'
import { windowedKey } from '../wire/windowed-key.ts'
import { emitWindows, type FinalResults, finalResults } from './emit-final.ts'
import type { Folding, WindowKind } from './kind.ts'
import type { SlidingWindows } from './windows.ts'

/** Sliding windows. */
export const slidingWindows: WindowKind<SlidingWindows> = {
  store: (name, serdes, { retention }) => windowStoreByKey(name, { ...serdes, retention }),
  key: (inner, { difference }) => windowedKey(inner, difference),
  open: (task, out, asked, spec, windows, fold) => {
    const aggregation = new SlidingAggregation(task, out, asked, spec as StoreSpec<WindowStore<never, never>>, windows, fold as never)
    return aggregation.take as never
  },
  view: store => {
    const rows = store as WindowStore<unknown, unknown>
    return { get: ({ key, start }) => rows.get(key, start) }
  },
}

/** Thrown when the user's function has thrown and the policy has dealt with it: the rest of the record is left out. */
const givenUp = Symbol('given up')

/**
 * Aggregates by key and sliding window (Kafka Streams: `KStreamSlidingWindowAggregate`); null keys and null values are dropped. Each record has a left window that ends
 * at it, and a right window that starts behind it once there is a record in that. What is in a window is told by its row alone: its time is that of its last record.
 * A record that is late for all of its windows is dropped; one that is late for some is left out of those.
 */
class SlidingAggregation<K, V, R> {
  readonly #task: Task
  readonly #out: Emit<Change<Windowed<K>, R>>
  readonly #asked: Asked
  readonly #store: WindowStore<K, R>
  readonly #difference: number
  readonly #grace: number
  readonly #fold: Folding<K, V, R>
  readonly #clock: { time: number }
  readonly #finals: FinalResults | undefined
  readonly #fail: (thrown: unknown) => void
  /** What ends before is closed. */
  #close = 0
  /** Starts of the windows that were there when the record came. */
  readonly #starts: number[] = []

  constructor(
    task: Task,
    out: Emit<Change<Windowed<K>, R>>,
    asked: Asked,
    spec: StoreSpec<WindowStore<K, R>>,
    { difference, grace }: SlidingWindows,
    fold: Folding<K, V, R>,
  ) {
    this.#task = task
    this.#out = out
    this.#asked = asked
    this.#store = task.store(spec)
    this.#difference = difference
    this.#grace = grace
    this.#fold = fold
    this.#clock = task.streamTimeOf(fold.label)
    this.#finals = finalResults(task, spec.name, fold.options)
    this.#fail = failed(task, fold.label, fold.options.onError)
  }

  readonly take: Emit<StreamRecord<K, V>> = record => {
    const { key, value, timestamp: at } = record
    if (key === null) return this.#task.drop('null-key')
    if (value === null) return this.#task.drop('null-value')
    if (at > this.#clock.time) this.#clock.time = at
    this.#close = this.#clock.time - this.#grace
    if (at + this.#difference < this.#close) return this.#task.drop('late')
    try {
      if (at < this.#difference) return this.#early(record)
      this.#usual(record)
    } catch (thrown) {
      if (thrown === givenUp) return
      throw thrown
    }
    if (this.#finals?.due(this.#close)) this.#emitClosed(this.#finals, record)
  }

  /** A record whose left window would start before 0: it and all others of its key share [0, difference]. Closed windows are not looked for. */
  #early(record: StreamRecord<K, V>): void {
    const { key, timestamp: at } = record
    if (at < 0) throw new RiachoError('RIACHO_TIMESTAMP', `'${this.#fold.label}': sliding windows have no times before 0, as ${at} is`)
    let combined: Row<R> | undefined
    let right: Row<R> | undefined
    let rightExists = false
    this.#starts.length = 0
    for (const [start, row] of this.#store.fetch(key, 0, at + 1)) {
      this.#starts.push(start)
      if (start === 0) combined = row
      else if (start <= at) {
        right = row
        this.#update(record, start, row.value, row.timestamp)
      } else rightExists = true
    }
    if (right === undefined && combined !== undefined && combined.timestamp > at) right = combined
    if (!rightExists && right !== undefined && right.timestamp > at) this.#openRight(record, right)
    if (combined !== undefined && combined.timestamp < at && !this.#starts.includes(combined.timestamp + 1))
      this.#update(record, combined.timestamp + 1, this.#init(), at)
    if (combined === undefined) this.#update(record, 0, this.#init(), at)
    else this.#update(record, 0, combined.value, combined.timestamp)
  }

  /** Updates the windows that the record is in, the latest first, and opens those that it makes. */
  #usual(record: StreamRecord<K, V>): void {
    const { key, timestamp: at } = record
    /** The latest window that ends before the record. */
    let before: Row<R> | undefined
    /** The latest window that the record is in and that ends after it. */
    let right: Row<R> | undefined
    let leftExists = false
    let rightExists = false
    /** The time of the last record before this one; -1 when there is none near. */
    let previous = -1
    this.#starts.length = 0
    for (const [start, row] of this.#store.backwardFetch(key, Math.max(0, at - 2 * this.#difference), at + 1)) {
      const end = start + this.#difference
      this.#starts.push(start)
      if (end < at) {
        before = row
        previous = row.timestamp
        break
      }
      if (start === at + 1) {
        rightExists = true
        continue
      }
      this.#update(record, start, row.value, row.timestamp)
      if (end > at) right ??= row
      else {
        leftExists = true
        // The window holds a record of this time already: that one has opened all the others.
        if (row.timestamp >= at) return
        previous = row.timestamp
      }
    }
    if (previous >= 0 && previous + 1 + this.#difference >= at && !this.#starts.includes(previous + 1))
      this.#update(record, previous + 1, this.#init(), at)
    if (!leftExists) {
      const joins = before !== undefined && previous >= at - this.#difference
      this.#update(record, at - this.#difference, joins ? before!.value : this.#init(), at)
    }
    if (!rightExists && right !== undefined && right.timestamp > at) this.#openRight(record, right)
  }

  /** The right window of the record: it holds what lies behind the record, which is what a window that ends later holds without it. */
  #openRight(record: StreamRecord<K, V>, { value, timestamp }: Row<R>): void {
    const start = record.timestamp + 1
    this.#store.put(record.key, start, value, timestamp)
    this.#handOn(record, start, value, null, timestamp)
  }

  /** Adds the record to a window, whose row was `old` at `time`, unless the window is closed. */
  #update(record: StreamRecord<K, V>, start: number, old: R | null, time: number): void {
    if (start + this.#difference < this.#close) {
      this.#task.drop('late')
      return
    }
    const { key, timestamp: at } = record
    let sum: R | null
    try {
      sum = this.#fold.add(record.value, old, record) ?? null
    } catch (thrown) {
      this.#fail(thrown)
      throw givenUp
    }
    const timestamp = old !== null && time > at ? time : at
    this.#store.put(key, start, sum, sum === null ? at : timestamp)
    this.#handOn(record, start, sum, old, timestamp)
  }

  #init(): R | null {
    try {
      return this.#fold.init()
    } catch (thrown) {
      this.#fail(thrown)
      throw givenUp
    }
  }

  #handOn({ key, headers }: StreamRecord<K, V>, start: number, value: R | null, old: R | null, timestamp: number): void {
    if (this.#finals !== undefined) return
    const previous = this.#asked.previous ? old : undefined
    this.#out({ key: { key, start, end: start + this.#difference }, value, previous, timestamp, headers, latest: true })
  }

  #emitClosed(finals: FinalResults, record: StreamRecord<K, V>): void {
    const size = this.#difference
    const to = this.#close - size - 1
    if (to < 0) return
    const from = Math.max(0, finals.last - size)
    emitWindows(this.#store, { from, to, size }, record, this.#asked, this.#out)
    finals.emitted(this.#close)
  }
}
