import type { Asked } from '../contract/node.ts'
import type { Change, StreamRecord, Windowed } from '../contract/record.ts'
import type { WindowStore } from '../contract/store.ts'
import type { Emit, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import type { EmitOptions } from './kind.ts'
import { checkTime, type Windows } from './windows.ts'

/** Default of `emitEvery`, as Kafka Streams has it, milliseconds. */
const emitEveryDefault = 1000

/** Checks when a windowed aggregation hands on its results. Throws `RIACHO_OPTION`. */
export function checkEmit(label: string, window: Windows | undefined, { emit, emitEvery }: EmitOptions): void {
  if (emit !== undefined && emit !== 'onUpdate' && emit !== 'onClose')
    throw new RiachoError('RIACHO_OPTION', `'${label}': emit is 'onUpdate' or 'onClose', not ${JSON.stringify(emit)}`)
  if (emit === 'onClose' && window === undefined)
    throw new RiachoError(
      'RIACHO_OPTION',
      `'${label}' hands on results when a window closes and has no window: give it one, or leave emit out`,
    )
  if (emitEvery === undefined) return
  if (emit !== 'onClose')
    throw new RiachoError('RIACHO_OPTION', `'${label}': emitEvery says how often closed windows are looked for: it needs emit: 'onClose'`)
  checkTime('emitEvery', emitEvery, 0)
}

/**
 * What is to know of final results whose store shows windows only as long as it must. Kafka Streams loses them with stores in memory, too, and says nothing; its stores on
 * disk show windows for somewhat longer.
 */
export function emitCautions(window: Windows | undefined, { emit }: EmitOptions): { cautions?: readonly string[] } {
  if (emit !== 'onClose' || window === undefined || window.retention > reachOf(window) + window.grace) return {}
  const gone = `the store no longer shows most windows when they close, and results that it does not show are never handed on`
  return { cautions: Object.freeze([`${gone}: give the window a retention that is longer by the greatest leap of time`]) }
}

/** Milliseconds from the start of a window's first record to its end. */
const reachOf = (window: Windows): number =>
  window.kind === 'aligned' ? window.size : window.kind === 'sliding' ? 2 * window.difference : window.gap

/**
 * When an aggregation with `emit: 'onClose'` looks for windows that have closed, and since when (Kafka Streams: `AbstractKStreamTimeWindowAggregateProcessor`): at a
 * record, not sooner than `emitEvery` after the last look, and only if the close time has moved. The close time of the last results is kept in every commit.
 */
export class FinalResults {
  readonly #task: Task
  readonly #every: number
  readonly #emitted: { time: number }
  /** Wall clock, epoch milliseconds. It begins anew with the task. */
  #next = 0

  constructor(task: Task, store: string, { emitEvery = emitEveryDefault }: EmitOptions) {
    this.#task = task
    this.#every = emitEvery
    this.#emitted = task.committedTimeOf(store)
  }

  /** The close time of the last results; -1 before the first. */
  get last(): number {
    return this.#emitted.time
  }

  /** Whether to look now for windows that close before `close`. It counts as a look. */
  due(close: number): boolean {
    if (this.#every > 0) {
      const now = this.#task.now()
      if (now < this.#next) return false
      this.#next = now + this.#every
    }
    return this.last === -1 || this.last < close
  }

  /** The results of all windows that closed before `close` have been handed on. */
  emitted(close: number): void {
    this.#emitted.time = close
  }
}

/** Final results of an aggregation; undefined when it hands on every update. `store`: name of its store. */
export const finalResults = (task: Task, store: string, options: EmitOptions): FinalResults | undefined =>
  options.emit === 'onClose' ? new FinalResults(task, store, options) : undefined

/** Hands on the rows of the windows that start from `from` to `to`, both inclusive, in the order of (start, serialized key). `size`: milliseconds from start to end. */
export function emitWindows<K, R>(
  store: WindowStore<K, R>,
  { from, to, size }: { readonly from: number; readonly to: number; readonly size: number },
  { headers }: StreamRecord<K, unknown>,
  asked: Asked,
  out: Emit<Change<Windowed<K>, R>>,
): void {
  const previous = asked.previous ? null : undefined
  for (const [key, start, { value, timestamp }] of store.fetchAll(from, to))
    out({ key: { key, start, end: start + size }, value, previous, timestamp, headers, latest: true })
}
