import { endWith, type Observable, type OperatorFunction } from 'rxjs'
import type { Asked, Node } from '../contract/node.ts'
import type { Change, Windowed } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { TableView } from '../contract/store.ts'
import type { Emit, StoreSpec, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { checkTable } from '../join/table-side.ts'
import { graceOf } from '../plan/grace.ts'
import { checkWhole, keyOf, plainKey } from '../plan/keyed.ts'
import { said } from '../plan/mixed.ts'
import { checkName } from '../plan/node.ts'
import { operator } from '../plan/operator.ts'
import { json } from '../serde/json.ts'
import { type SuppressBuffer, suppressBuffer, type Waiting } from '../store/suppress-buffer.ts'
import { isStream } from '../stream.ts'
import { checkTime } from '../window/windows.ts'
import { windowedKey } from '../wire/windowed-key.ts'

/** Bounds of what waits, and what happens to it in the end. */
export interface SuppressOptions<V> {
  /** Keys that wait at most. Default: no bound. */
  readonly recordsMax?: number
  /** Bytes that wait at most, counted as Kafka Streams does: key, values and context of each record. Default: no bound. */
  readonly bytesMax?: number
  /** Serde of the values in the changelog. Default: the inherited one, else JSON. */
  readonly value?: Serde<V>
  /** On plain Observables: what still waits when the source completes is handed on, or forgotten. Default: forgotten. */
  readonly onComplete?: 'flush'
}

/** Waits for the last result of each window. What does not fit stops the task. */
export interface UntilWindowCloses<V> extends SuppressOptions<V> {
  readonly until: 'windowCloses'
  /** Milliseconds after a window's end at which it is closed. Default: that of the windows in the plan; a plain Observable has none and must be told. */
  readonly grace?: number
}

/** Waits for a time, so that a key is handed on at most once in it. */
export interface UntilTimeLimit<V> extends SuppressOptions<V> {
  readonly until: 'timeLimit'
  /** Milliseconds of event time that the first change of a key waits at most. */
  readonly limit: number
  /** What does not fit hands on the first that waits, or stops the task. Default 'emit'. */
  readonly whenFull?: 'emit' | 'stop'
}

type Options<V> = UntilWindowCloses<V> | UntilTimeLimit<V>

/**
 * Holds changes of a table back and hands on the last one of each key (Kafka Streams: `suppress`): one result per window, once its windows are closed, deletions left
 * out; or what a key has become within a time limit. Event time decides, so what waits stays until a later record comes. Changes leave in the order of the time of the
 * first that waited (or the window's end), then of the serialized key, with their own time and headers. The changes wait in a store, `<name>-store`, whose changelog
 * is written at each commit. Throws `RIACHO_NAME`, `RIACHO_OPTION`, `RIACHO_NO_SERDE`, `RIACHO_NOT_A_PLAN`; a full buffer stops the task with `RIACHO_BUFFER_FULL`.
 *
 * @example
 * orders.pipe(
 *   count('orders-per-minute', { window: tumbling(minutes(1), { grace: minutes(5) }) }),
 *   suppress('orders-of-a-minute', { until: 'windowCloses' }),
 *   toStream(),
 * )
 */
export function suppress<K extends Windowed<unknown>, V>(
  name: string,
  options: UntilWindowCloses<NoInfer<V>>,
): OperatorFunction<Change<K, V>, Change<K, V>>
export function suppress<K, V>(name: string, options: UntilTimeLimit<NoInfer<V>>): OperatorFunction<Change<K, V>, Change<K, V>>
export function suppress<K, V>(name: string, options: Options<V>): OperatorFunction<Change<K, V>, Change<K, V>> {
  checkName(name, 'suppress')
  checkOptions(name, options)
  return (source: Observable<Change<K, V>>) => {
    const parent = isStream(source) ? source.node : undefined
    if (parent !== undefined) checkParent(parent, name)
    const final = options.until === 'windowCloses'
    const key = (parent === undefined ? (final ? windowedKey(plainKey, 1) : plainKey) : keyOf(parent, name)) as Serde<K>
    const value = options.value ?? ((said(parent?.value, name, 'value') ?? json()) as Serde<V>)
    const spec = suppressBuffer(`${name}-store`, { key, value, counted: options.bytesMax !== undefined })
    const rule = ruleOf(name, options, parent)
    return operator<Change<K, V>, Change<K, V>>(
      ({ partitioned }) => ({
        kind: 'buffer',
        label: name,
        key: key as Serde<unknown>,
        value: value as Serde<unknown>,
        partitioned,
        timed: true,
        stores: Object.freeze([spec]),
        table: 'derived',
        wishes: Object.freeze([{ of: 0, previous: 'always' } as const]),
        view: (task, parents) => shown(task.store(spec), parents(0) as TableView<K, V>),
      }),
      (task, out, asked) => holding(rule, spec, task, out, asked),
    )(parent === undefined && options.onComplete === 'flush' ? source.pipe(endWith(end as never)) : source)
  }
}

/** Comes after the last change of a plain Observable whose end hands on what waits. */
const end = Symbol('end')

/** How long changes wait, and how many. */
interface Rule {
  readonly label: string
  readonly final: boolean
  /** Milliseconds between the time by which a change is ordered and its leaving. */
  readonly wait: number
  readonly recordsMax: number
  readonly bytesMax: number
  readonly whenFull: 'emit' | 'stop'
}

function ruleOf<V>(label: string, options: Options<V>, parent: Node | undefined): Rule {
  const { recordsMax = Number.POSITIVE_INFINITY, bytesMax = Number.POSITIVE_INFINITY } = options
  if (options.until === 'timeLimit') {
    return { label, final: false, wait: options.limit, recordsMax, bytesMax, whenFull: options.whenFull ?? 'emit' }
  }
  const grace = options.grace ?? (parent === undefined ? undefined : graceOf(parent, label))
  if (grace === undefined)
    throw new RiachoError('RIACHO_OPTION', `'${label}' runs without a plan that knows the windows: say their { grace }`)
  return { label, final: true, wait: grace, recordsMax, bytesMax, whenFull: 'stop' }
}

function holding<K, V>(
  { label, final, wait, recordsMax, bytesMax, whenFull }: Rule,
  spec: StoreSpec<SuppressBuffer<K, V>>,
  task: Task,
  out: Emit<Change<K, V>>,
  asked: Asked,
): Emit<Change<K, V>> {
  const buffer = task.store(spec)
  buffer.stampedBy(() => task.now())
  const clock = task.streamTimeOf(spec.name)
  const emit = ({ change, position }: Waiting<K, V>): void => {
    if (change.value === null && final) return
    const { key, value, previous, timestamp, headers } = change
    task.onBehalf(position, out, { key, value, previous: asked.previous ? previous : undefined, timestamp, headers, latest: true })
  }
  /** The first leaves after it was handed on: whoever reads the table's rows meanwhile sees the row before. */
  const emitFirst = (): void => {
    emit(buffer.first()!)
    buffer.shift()
  }
  const full = (): boolean => buffer.size > recordsMax || buffer.bytes > bytesMax
  return change => {
    if ((change as unknown) === end) {
      while (buffer.size > 0) emitFirst()
      return
    }
    const { key, timestamp } = change
    if (timestamp > clock.time) clock.time = timestamp
    buffer.put(final ? (key as Windowed<unknown>).end : timestamp, change, task.position())
    while (buffer.time <= clock.time - wait) emitFirst()
    if (!full()) return
    if (whenFull === 'stop') throw overfull(label, buffer, task)
    while (full()) emitFirst()
  }
}

/** The rows as a reader downstream has seen them (Kafka Streams: `KTableSuppressProcessorSupplier.view`). What waits has no time. */
function shown<K, V>(buffer: SuppressBuffer<K, V>, rows: TableView<K, V>): TableView<never, unknown> {
  return {
    get: (key: K) => {
      const prior = buffer.prior(key)
      if (prior === undefined) return rows.get(key)
      return prior === null ? undefined : { value: prior, timestamp: -1 }
    },
  }
}

function overfull(label: string, { size, bytes }: SuppressBuffer<unknown, unknown>, task: Task): RiachoError {
  const counted = bytes > 0 ? `, ${bytes} bytes` : ''
  return new RiachoError(
    'RIACHO_BUFFER_FULL',
    `'${label}' would hold ${size} keys${counted}: raise its recordsMax or bytesMax, or let it hand on early with whenFull: 'emit'`,
    { place: { node: label, ...task.position() } },
  )
}

function checkParent(parent: Node, label: string): void {
  checkTable(parent, label)
  if (parent.versioned === true) {
    throw new RiachoError(
      'RIACHO_OPTION',
      `'${label}' holds changes back in the order of their coming, and '${parent.label}' keeps a history`,
      {
        place: { node: label },
      },
    )
  }
}

function checkOptions<V>(label: string, options: Options<V>): void {
  const { until, recordsMax, bytesMax } = options
  if (until !== 'windowCloses' && until !== 'timeLimit')
    throw new RiachoError('RIACHO_OPTION', `'${label}': until is 'windowCloses' or 'timeLimit', not ${JSON.stringify(until)}`)
  if (recordsMax !== undefined) checkWhole(label, 'recordsMax', recordsMax)
  if (bytesMax !== undefined) checkWhole(label, 'bytesMax', bytesMax)
  if (options.until === 'timeLimit') checkTime('limit', options.limit, 0)
  else if (options.grace !== undefined) checkTime('grace', options.grace, 0)
}
