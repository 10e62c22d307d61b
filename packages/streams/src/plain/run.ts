import { Observable, Subject, takeUntil } from 'rxjs'
import type { Asked } from '../contract/node.ts'
import type { Change } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { Row, TableView, VersionedStore } from '../contract/store.ts'
import type { Emit, StoreSpec, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { versionedStore } from '../store/versioned.ts'
import { isStream } from '../stream.ts'
import { PlainTask } from './task.ts'

/** How an operator with several inputs runs over plain Observables. */
export interface PlainInputs {
  /** Inputs whose rows the operator reads by key: tables. */
  readonly views?: readonly number[]
  /** Milliseconds: those rows are read as of a time so far back. */
  readonly history?: number
  /** A join: the right side is subscribed first, and it is done when the left is. Default: done when all inputs are. */
  readonly join?: boolean
}

/**
 * The second life: runs an operator at once over plain Observables. One subscription is one task with stores of its own; it completes when its inputs have
 * and asynchronous work is done; an error anywhere errors all; unsubscribing aborts asynchronous work and timers.
 */
export function runPlain<B>(
  sources: readonly Observable<never>[] | readonly Observable<unknown>[],
  open: (task: Task, out: Emit<B>, asked: Asked) => readonly Emit<never>[],
  { views = [], history, join = false }: PlainInputs = {},
): Observable<B> {
  if (sources.some(isStream)) {
    throw new RiachoError('RIACHO_MIXED', 'Streams and plain Observables do not meet: make all inputs Streams, or none')
  }
  return new Observable<B>(subscriber => {
    const task = new PlainTask(error => subscriber.error(error))
    const rowsOf = (index: number): Taking =>
      history === undefined ? new PlainRows() : new PlainHistory(task.store(historyOf(index, history)))
    const tables = new Map(views.map(index => [index, rowsOf(index)]))
    const asked: Asked = { previous: true, kept: true, order: 'partition', origins: false, view: index => tables.get(index)! }
    const inputs = open(task, record => subscriber.next(record), asked)
    let left = join ? 1 : inputs.length
    const ended = (index: number): void => {
      if (join && index > 0) return
      if (--left === 0)
        void task.finish().then(
          () => subscriber.complete(),
          error => subscriber.error(error),
        )
    }
    // A source that emits while it is subscribed to has handed out no subscription yet by which it could be stopped.
    const over = new Subject<void>()
    subscriber.add(() => {
      over.next()
      task.close()
    })
    const order = [...sources.keys()]
    for (const index of join ? order.reverse() : order) {
      if (subscriber.closed) return
      const input = inputs[index]! as Emit<unknown>
      const rows = tables.get(index)
      subscriber.add(
        (sources[index] as Observable<unknown>).pipe(takeUntil(over)).subscribe({
          next: record => {
            try {
              task.taking(record)
              rows?.take(record as Change<unknown, unknown>)
              input(record)
              task.punctuate()
            } catch (error) {
              subscriber.error(error)
            }
          },
          error: error => subscriber.error(error),
          complete: () => ended(index),
        }),
      )
    }
  })
}

/** The rows of a table that comes as a plain Observable of its changes. */
interface Taking extends TableView<never, unknown> {
  take(change: Change<unknown, unknown>): void
}

class PlainRows implements Taking {
  readonly #rows = new Map<unknown, Row<unknown>>()

  take({ key, value, timestamp }: Change<unknown, unknown>): void {
    if (value === null) this.#rows.delete(plainKey(key))
    else this.#rows.set(plainKey(key), { value, timestamp })
  }

  get(key: unknown): Row<unknown> | undefined {
    return this.#rows.get(plainKey(key))
  }
}

/** A store of the task, which lets it go of what is too old. */
const historyOf = (index: number, historyRetention: number): StoreSpec<VersionedStore<unknown, unknown>> =>
  versionedStore(`history-${index}`, { key: keyBytes, value: noBytes, historyRetention })

/** The same as of a time: its changes are ordered by theirs. */
class PlainHistory implements Taking {
  readonly #rows: VersionedStore<unknown, unknown>

  constructor(rows: VersionedStore<unknown, unknown>) {
    this.#rows = rows
  }

  take({ key, value, timestamp }: Change<unknown, unknown>): void {
    this.#rows.put(key, value, timestamp)
  }

  get(key: unknown): Row<unknown> | undefined {
    return this.#rows.get(key)
  }

  asOf(key: unknown, timestamp: number): Row<unknown> | undefined {
    return this.#rows.asOf(key, timestamp)
  }
}

const keyBytes: Serde<unknown> = { encode: key => Buffer.from(JSON.stringify(key) ?? ''), decode: raw => raw }
/** Nobody reads them: nothing is logged. */
const noBytes: Serde<unknown> = { encode: () => new Uint8Array(), decode: raw => raw }

/** Equal keys are one key, objects too. */
const plainKey = (key: unknown): unknown => (typeof key === 'object' && key !== null ? JSON.stringify(key) : key)
