import type { Observable, OperatorFunction } from 'rxjs'
import type { Asked, Node } from '../contract/node.ts'
import type { Serde } from '../contract/serde.ts'
import type { KeyValueStore, WindowStore } from '../contract/store.ts'
import type { Emit, StoreSpec, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { keyValueStore } from '../store/key-value.ts'
import { windowStore } from '../store/window.ts'
import { isStream } from '../stream.ts'
import { aggregateByKey, aggregateByWindow, type Folding } from '../window/aggregation.ts'
import { aggregateTable, DeltaValue, type TableFolding } from '../window/table-aggregation.ts'
import type { Windows } from '../window/windows.ts'
import { windowedKey } from '../wire/windowed-key.ts'
import { deadLettersOf } from './failure.ts'
import { said } from './mixed.ts'
import { checkName, checkPartitioned } from './node.ts'
import { operator } from './operator.ts'

/** What an aggregation says of itself: exactly one of the two foldings runs, by what it is drawn on. */
export interface Aggregation<K, V, R> {
  readonly name: string
  readonly value: Serde<R>
  readonly window: Windows | undefined
  readonly ignoresValue?: boolean
  readonly stream: Folding<K, V, R>
  /** For the deltas of a regrouped table; undefined when no subtractor was given. */
  readonly table: TableFolding<K, V, R> | undefined
}

/** Draws or runs an aggregation: by key, by window, or of a regrouped table. Throws `RIACHO_NOT_PARTITIONED`, `RIACHO_NO_SERDE`, `RIACHO_NAME`. */
export function aggregation<K, V, R>(a: Aggregation<K, V, R>): OperatorFunction<unknown, unknown> {
  checkName(a.name, 'store')
  return (source: Observable<unknown>) => {
    const key = isStream(source) ? keyOf(source.node, a.name) : plainKey
    const deltas = isStream(source) ? source.node.deltas === true : 'either'
    if (deltas === true && a.table === undefined) throw needsSubtract(a.name)
    const spec: StoreSpec<never> = (
      a.window === undefined
        ? keyValueStore<K, R>(a.name, { key: key as Serde<K>, value: a.value })
        : windowStore<K, R>(a.name, { key: key as Serde<K>, value: a.value, retention: a.window.retention })
    ) as never
    return operator<unknown, unknown>(
      parent => ({
        kind: 'aggregate',
        label: a.name,
        key: a.window === undefined ? key : (windowedKey(key, a.window.size) as Serde<unknown>),
        value: a.value as Serde<unknown>,
        partitioned: parent.partitioned,
        keyed: true,
        timed: a.window !== undefined,
        ignoresValue: a.ignoresValue === true && !deltas,
        stores: Object.freeze([spec]),
        ...deadLettersOf(a.stream.options.onError),
      }),
      (task, out, asked) => opened(a, spec, deltas, task, out, asked),
    )(source)
  }
}

/** A plain Observable has no facts: there the first record tells whether it comes from a regrouped table. */
function opened<K, V, R>(
  a: Aggregation<K, V, R>,
  spec: StoreSpec<never>,
  deltas: boolean | 'either',
  task: Task,
  out: Emit<unknown>,
  asked: Asked,
): Emit<unknown> {
  if (deltas === 'either') {
    let input: Emit<unknown> | undefined
    return record => {
      input ??= opened(a, spec, (record as { value: unknown }).value instanceof DeltaValue, task, out, asked)
      input(record)
    }
  }
  if (deltas && a.table === undefined) throw needsSubtract(a.name)
  if (deltas)
    return aggregateTable(task, out as Emit<unknown> as never, asked, spec as StoreSpec<KeyValueStore<K, R>>, a.table!) as Emit<unknown>
  if (a.window === undefined)
    return aggregateByKey(task, out as Emit<unknown> as never, asked, spec as StoreSpec<KeyValueStore<K, R>>, a.stream) as Emit<unknown>
  return aggregateByWindow(
    task,
    out as Emit<unknown> as never,
    asked,
    spec as StoreSpec<WindowStore<K, R>>,
    a.window,
    a.stream,
  ) as Emit<unknown>
}

const needsSubtract = (name: string): RiachoError =>
  new RiachoError('RIACHO_OPTION', `'${name}' aggregates a regrouped table and needs { subtract }`)

function keyOf(parent: Node, label: string): Serde<unknown> {
  checkPartitioned(parent, label)
  if (parent.key === undefined) {
    throw new RiachoError(
      'RIACHO_NO_SERDE',
      `'${label}' keeps state by key and nobody said the key's serde: give { key: … } to the operator that made the key`,
      { place: { node: label } },
    )
  }
  return said(parent.key, label, 'key')
}

/** Keys of a plain Observable have no bytes: strings and numbers stand for themselves, others for their JSON. */
const plainKey: Serde<unknown> = {
  encode: key => Buffer.from(JSON.stringify(key) ?? 'undefined'),
  decode: raw => JSON.parse(Buffer.from(raw).toString()) as unknown,
}
