import type { Observable, OperatorFunction } from 'rxjs'
import type { Asked, Node } from '../contract/node.ts'
import type { Change } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { KeyValueStore, Row, TableView } from '../contract/store.ts'
import type { Emit, Task } from '../contract/task.ts'
import { deadLettersOf, failed } from '../plan/failure.ts'
import { checkPartitioned } from '../plan/node.ts'
import { combined } from '../plan/operator.ts'
import { isStream } from '../stream.ts'
import { answering, computing, type ResultOptions, resultStore } from '../table/result.ts'
import { checkTable } from './table-side.ts'

/** Options of a join of two tables. */
export interface TableJoinOptions<R> extends ResultOptions {
  /** The serde of its rows, JSON in the `store` unless said. */
  readonly value?: Serde<R>
}

/** Makes the row of a key that both tables have, or that one has, where the join does not need the other. */
export type TableJoiner<K, L, R, O> = (left: L, right: R, key: K) => O | null

/** What is special to one join of tables. */
export interface TableJoin<K, L, R, O> {
  readonly label: 'joinTable' | 'leftJoinTable' | 'outerJoinTable'
  /** Sides without which there is no row. */
  readonly needs: { readonly left: boolean; readonly right: boolean }
  readonly join: TableJoiner<K, L | null, R | null, O>
  readonly options: TableJoinOptions<O>
}

/**
 * Draws or runs a join of two tables by their key (Kafka Streams: `KTableKTableInnerJoin`, `KTableKTableLeftJoin`, `KTableKTableRightJoin`, `KTableKTableOuterJoin`,
 * `KTableKTableJoinMerger`): each change of a side meets the row of the other; the result's time is the later of the two. Throws `RIACHO_NOT_PARTITIONED`,
 * `RIACHO_NOT_A_PLAN`, `RIACHO_MIXED`, `RIACHO_NAME`, `RIACHO_NO_SERDE`.
 */
export function tableTableJoin<K, L, R, O>(
  right: Observable<Change<K, R>>,
  a: TableJoin<K, L, R, O>,
): OperatorFunction<Change<K, L>, Change<K, O>> {
  const { label, options } = a
  return left => {
    const spec = resultStore<K, O>(left, label, options, options.value)
    const versioned = [left, right].map(side => isStream(side) && side.node.versioned === true)
    return combined<Change<K, O>>(
      [left, right],
      parents => ({
        ...facts(a, parents),
        ...answering<K, O>(spec, (task, rows) => joinedRows(task, a, rows(0) as TableView<K, L>, rows(1) as TableView<K, R>)),
      }),
      (task, out, asked) => opened(a, spec && task.store(spec), versioned, task, out, asked),
      { views: [0, 1] },
    )
  }
}

function facts<K, L, R, O>({ label, needs, options }: TableJoin<K, L, R, O>, parents: readonly Node[]) {
  for (const parent of parents) {
    checkPartitioned(parent, label)
    checkTable(parent, label)
  }
  // Where a row may lack the other side, the row before tells whether there was one.
  const previous = (forced: boolean) => (forced ? 'always' : 'ifAsked')
  return {
    kind: 'join' as const,
    label,
    key: parents[0]!.key,
    value: options.value as Serde<unknown> | undefined,
    partitioned: true,
    keyed: true,
    wishes: Object.freeze([
      { of: 0, view: true, previous: previous(!needs.right) },
      { of: 1, view: true, previous: previous(!needs.left) },
    ] as const),
    ...deadLettersOf(options.onError),
  }
}

/** One side of a join, with what the join needs of the other. */
interface Side<K, V, W, O> {
  readonly other: TableView<K, W>
  readonly versioned: boolean
  readonly needs: boolean
  readonly needsOther: boolean
  readonly join: (value: V | null, other: W | null, key: K) => O | null
}

function opened<K, L, R, O>(
  { label, needs, join, options }: TableJoin<K, L, R, O>,
  store: KeyValueStore<K, O> | undefined,
  versioned: readonly boolean[],
  task: Task,
  out: Emit<Change<K, O>>,
  asked: Asked,
): readonly Emit<never>[] {
  const fail = failed(task, label, options.onError)
  const side = <V, W>(s: Side<K, V, W, O>): Emit<Change<K, V>> => joining(s, store, fail, task, out, asked.previous)
  const sides = { left: asked.view(0) as TableView<K, L>, right: asked.view(1) as TableView<K, R> }
  return [
    side<L, R>({ other: sides.right, versioned: versioned[0]!, needs: needs.left, needsOther: needs.right, join }),
    side<R, L>({
      other: sides.left,
      versioned: versioned[1]!,
      needs: needs.right,
      needsOther: needs.left,
      join: (value, other, key) => join(other, value, key),
    }),
  ]
}

function joining<K, V, W, O>(
  { other, versioned, needs, needsOther, join }: Side<K, V, W, O>,
  store: KeyValueStore<K, O> | undefined,
  fail: (thrown: unknown) => void,
  task: Task,
  out: Emit<Change<K, O>>,
  previousAsked: boolean,
): Emit<Change<K, V>> {
  return ({ key, value: to, previous: from, timestamp: at, headers, latest }) => {
    // A table ordered by time hands on late changes too; its row of now is what joins (KIP-914).
    if (versioned && !latest) return task.drop('late')
    const row = other.get(key)
    if (row === undefined && (needsOther || (to === null && from === null))) return
    const against = row === undefined ? null : row.value
    const alone = needs || row === undefined
    let value: O | null
    let previous: O | null | undefined
    try {
      value = to === null && alone ? null : (join(to, against, key) ?? null)
      if (previousAsked && from !== undefined) previous = from === null && alone ? null : (join(from, against, key) ?? null)
    } catch (thrown) {
      return fail(thrown)
    }
    const timestamp = row !== undefined && row.timestamp > at ? row.timestamp : at
    store?.put(key, value, timestamp)
    out({ key, value, previous, timestamp, headers, latest: latest || store !== undefined })
  }
}

/** The rows of a join that keeps none: of those of both sides as they are now. */
function joinedRows<K, L, R, O>(
  task: Task,
  { label, needs, join, options }: TableJoin<K, L, R, O>,
  lefts: TableView<K, L>,
  rights: TableView<K, R>,
): TableView<K, O> {
  const compute = computing(task, label, options.onError, join)
  return {
    get(key): Row<O> | undefined {
      const left = lefts.get(key)
      if (left === undefined && needs.left) return undefined
      const right = rights.get(key)
      if (right === undefined && (needs.right || left === undefined)) return undefined
      const value = compute(left === undefined ? null : left.value, right === undefined ? null : right.value, key) ?? null
      const timestamp = Math.max(left === undefined ? -1 : left.timestamp, right === undefined ? -1 : right.timestamp)
      return value === null ? undefined : { value, timestamp }
    },
  }
}
