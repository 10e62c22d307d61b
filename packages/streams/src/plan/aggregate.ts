import type { Observable, OperatorFunction } from 'rxjs'
import type { Asked } from '../contract/node.ts'
import type { Serde } from '../contract/serde.ts'
import type { TableView } from '../contract/store.ts'
import type { Emit, StoreSpec, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { keyValueStore } from '../store/key-value.ts'
import { isStream } from '../stream.ts'
import { aligned } from '../window/aligned.ts'
import { aggregateByKey } from '../window/by-key.ts'
import { checkEmit } from '../window/emit-final.ts'
import type { Folding, WindowKind } from '../window/kind.ts'
import { sessions } from '../window/session-aggregation.ts'
import { aggregateTable, DeltaValue, type TableFolding } from '../window/table-aggregation.ts'
import type { Windows } from '../window/windows.ts'
import { deadLettersOf } from './failure.ts'
import { keyOf, plainKey } from './keyed.ts'
import { checkName } from './node.ts'
import { operator } from './operator.ts'

const kinds: { readonly [P in Windows['kind']]?: WindowKind<never> } = {
  aligned: aligned as WindowKind<never>,
  session: sessions as WindowKind<never>,
}

/** What is special to these windows. */
export const kindOf = (windows: Windows): WindowKind<never> => kinds[windows.kind]!

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
  checkEmit(a.name, a.window, a.stream.options)
  return (source: Observable<unknown>) => {
    const key = isStream(source) ? keyOf(source.node, a.name) : plainKey
    const deltas = isStream(source) ? source.node.deltas === true : 'either'
    if (deltas === true && a.table === undefined) throw needsSubtract(a.name)
    const serdes = { key: key as Serde<K>, value: a.value }
    const kind = a.window === undefined ? undefined : kindOf(a.window)
    const spec: StoreSpec = kind === undefined ? keyValueStore<K, R>(a.name, serdes) : kind.store(a.name, serdes, a.window as never)
    return operator<unknown, unknown>(
      parent => ({
        table: 'kept',
        view: task => {
          const store = task.store(spec)
          return (kind === undefined ? store : kind.view(store)) as TableView<never, unknown>
        },
        kind: 'aggregate',
        label: a.name,
        key: kind === undefined ? key : (kind.key(key, a.window as never) as Serde<unknown>),
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
  spec: StoreSpec,
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
  if (deltas) return aggregateTable(task, out as Emit<unknown> as never, asked, spec as never, a.table!) as Emit<unknown>
  if (a.window === undefined) return aggregateByKey(task, out as Emit<unknown> as never, asked, spec as never, a.stream) as Emit<unknown>
  return kindOf(a.window).open(task, out as Emit<unknown> as never, asked, spec, a.window as never, a.stream) as Emit<unknown>
}

const needsSubtract = (name: string): RiachoError =>
  new RiachoError('RIACHO_OPTION', `'${name}' aggregates a regrouped table and needs { subtract }`)
