import type { Observable, OperatorFunction } from 'rxjs'
import type { Asked } from '../contract/node.ts'
import type { StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { TableView } from '../contract/store.ts'
import type { Emit, StoreSpec, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { type CacheOption, checkCache, withCache } from '../store/cache.ts'
import { keyValueStore, type StoreOptions } from '../store/key-value.ts'
import { isStream } from '../stream.ts'
import { aligned } from '../window/aligned.ts'
import { aggregateByKey } from '../window/by-key.ts'
import { checkEmit, emitCautions } from '../window/emit-final.ts'
import type { Folding, WindowKind } from '../window/kind.ts'
import { checkMerge, sessions } from '../window/session-aggregation.ts'
import { slidingWindows } from '../window/sliding-aggregation.ts'
import { aggregateTable, DeltaValue, type TableFolding } from '../window/table-aggregation.ts'
import type { Windows } from '../window/windows.ts'
import { deadLettersOf } from './failure.ts'
import { closesAfter } from './grace.ts'
import { keyOf, plainKey } from './keyed.ts'
import { checkName, type NodeSpec } from './node.ts'
import { operator } from './operator.ts'

const kinds: { readonly [P in Windows['kind']]?: WindowKind<never> } = {
  aligned: aligned as WindowKind<never>,
  session: sessions as WindowKind<never>,
  sliding: slidingWindows as WindowKind<never>,
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
  checkMerge(a.name, a.window, a.stream.merge)
  checkCache(a.name, a.stream.options)
  return (source: Observable<unknown>) => {
    const key = isStream(source) ? keyOf(source.node, a.name) : plainKey
    const deltas = isStream(source) ? source.node.deltas === true : 'either'
    if (deltas === true && a.table === undefined) throw needsSubtract(a.name)
    const { spec, facts } = kept(a.name, { key: key as Serde<K>, value: a.value, cache: a.stream.options.cache }, a.window)
    return operator<unknown, unknown>(
      parent => ({
        ...facts,
        partitioned: parent.partitioned,
        ignoresValue: a.ignoresValue === true && !deltas,
        ...deadLettersOf(a.stream.options.onError),
        ...emitCautions(a.window, a.stream.options),
      }),
      (task, out, asked) => opened(a, spec, deltas, task, out, asked),
    )(source)
  }
}

/** What an aggregation keeps: its store, and the facts of its node that follow from it. */
export function kept<K, R>(
  name: string,
  serdes: StoreOptions<K, R> & CacheOption,
  window: Windows | undefined,
): { readonly spec: StoreSpec; readonly facts: Omit<NodeSpec, 'parents' | 'open'> } {
  const kind = window === undefined ? undefined : kindOf(window)
  const store: StoreSpec = kind === undefined ? keyValueStore<K, R>(name, serdes) : kind.store(name, serdes, window as never)
  const spec = withCache(store, serdes.key as Serde<unknown>, serdes.cache)
  const facts: Omit<NodeSpec, 'parents' | 'open'> = {
    table: 'kept',
    view: task => {
      const store = task.store(spec)
      return (kind === undefined ? store : kind.view(store)) as TableView<never, unknown>
    },
    kind: 'aggregate',
    label: name,
    key: (kind === undefined ? serdes.key : kind.key(serdes.key, window as never)) as Serde<unknown>,
    value: serdes.value as Serde<unknown>,
    keyed: true,
    timed: window !== undefined,
    ...(window !== undefined && { closesAfter: closesAfter(window) }),
    stores: Object.freeze([spec]),
  }
  return { spec, facts }
}

/** The input of an aggregation of records for one task: by key, or by key and window. */
export function folded<K, V, R>(
  window: Windows | undefined,
  task: Task,
  out: Emit<unknown>,
  asked: Asked,
  spec: StoreSpec,
  fold: Folding<K, V, R>,
): Emit<StreamRecord<K, V>> {
  if (window === undefined) return aggregateByKey(task, out as Emit<unknown> as never, asked, spec as never, fold)
  return kindOf(window).open(task, out as Emit<unknown> as never, asked, spec, window as never, fold)
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
  return folded(a.window, task, out, asked, spec, a.stream) as Emit<unknown>
}

const needsSubtract = (name: string): RiachoError =>
  new RiachoError('RIACHO_OPTION', `'${name}' aggregates a regrouped table and needs { subtract }`)
