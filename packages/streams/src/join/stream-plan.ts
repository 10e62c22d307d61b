import type { Node } from '../contract/node.ts'
import type { Serde } from '../contract/serde.ts'
import type { StoreSpec } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import type { ErrorOption } from '../plan/failure.ts'
import { keyOf, plainKey } from '../plan/keyed.ts'
import { said } from '../plan/mixed.ts'
import { checkName, checkPartitioned } from '../plan/node.ts'
import { json } from '../serde/json.ts'
import { type JoinSideStore, joinSideStore } from '../store/join-side.ts'
import { type UnmatchedStore, unmatchedStore } from '../store/unmatched.ts'

/** Options of a join of two streams: a left record at t meets the right records in [t - before, t + after]. All times in milliseconds. */
export interface StreamJoinOptions<L, R> extends ErrorOption {
  /** How much earlier the right record may be. Below 0: how much later it must be. */
  readonly before: number
  /** How much later the right record may be. Below 0: how much earlier it must be. */
  readonly after: number
  /** How long after its window a record may still come. Both sides are kept for before + after + grace. */
  readonly grace: number
  /** Serdes of the values of both sides in their stores: the inherited ones, else JSON. */
  readonly left?: Serde<L>
  readonly right?: Serde<R>
}

/** When a left or outer join hands on records that met no other. */
export interface UnmatchedOption {
  /**
   * Least milliseconds of the wall clock between two looks for unmatched records whose windows have closed. Default 1000, as Kafka Streams does; 0 looks at
   * each record.
   */
  readonly emitEvery?: number
}

/** Makes the joined value; a side is null only in a left or outer join. */
export type StreamJoiner<K, L, R, O> = (left: L, right: R, key: K) => O

/** A join as its sides see it. */
export interface StreamJoin {
  readonly name: string
  readonly how: 'inner' | 'left' | 'outer'
  readonly f: StreamJoiner<unknown, unknown, unknown, unknown>
  readonly options: ErrorOption
  readonly before: number
  readonly after: number
  readonly grace: number
  readonly emitEvery: number
}

/** The stores of a join, and how its keys are written. */
export interface JoinStores {
  readonly key: Serde<unknown>
  /** How values are written, by side. */
  readonly values: readonly [right: Serde<unknown>, left: Serde<unknown>]
  readonly left: StoreSpec<JoinSideStore<unknown, unknown>>
  readonly right: StoreSpec<JoinSideStore<unknown, unknown>>
  /** Only of a left or outer join. */
  readonly unmatched: StoreSpec<UnmatchedStore<unknown>> | undefined
}

/** Checks what was said of a join. Throws `RIACHO_NAME`, `RIACHO_OPTION`. */
export function checked(
  how: StreamJoin['how'],
  name: string,
  f: StreamJoin['f'],
  options: StreamJoinOptions<unknown, unknown> & UnmatchedOption,
): StreamJoin {
  checkName(name, 'join')
  const { before, after, grace, emitEvery = 1000 } = options
  const whole = (what: string, given: number, least: number): void => {
    if (Number.isSafeInteger(given) && given >= least) return
    const bound = least === 0 ? ', 0 or more' : ''
    throw new RiachoError('RIACHO_OPTION', `'${name}': ${what} is a whole number of milliseconds${bound}, not ${given}`)
  }
  whole('before', before, Number.NEGATIVE_INFINITY)
  whole('after', after, Number.NEGATIVE_INFINITY)
  whole('grace', grace, 0)
  whole('before + after', before + after, 0)
  whole('before + after + grace', before + after + grace, 0)
  whole('emitEvery', emitEvery, 0)
  return Object.freeze({ name, how, f, options, before, after, grace, emitEvery })
}

/**
 * Declares the stores of a join; without nodes, of one of plain Observables. The names are those of Kafka Streams (`KStreamImplJoin`,
 * `OuterStreamJoinStoreFactory`). Throws `RIACHO_NOT_PARTITIONED`, `RIACHO_NO_SERDE`.
 */
export function storesOf(
  { name, how, before, after, grace }: StreamJoin,
  nodes: readonly [left: Node, right: Node] | undefined,
  options: StreamJoinOptions<unknown, unknown>,
): JoinStores {
  const key = nodes === undefined ? plainKey : keyOf(nodes[0], name)
  if (nodes !== undefined) checkPartitioned(nodes[1], name)
  const left = options.left ?? said(nodes?.[0].value, name, 'value') ?? json()
  const right = options.right ?? said(nodes?.[1].value, name, 'value') ?? json()
  const retention = before + after + grace
  const store = (suffix: string, value: Serde<unknown>) => joinSideStore(`${name}-${suffix}-store`, { key, value, retention })
  return {
    key,
    values: [right, left],
    left: store(how === 'outer' ? 'outer-this-join' : 'this-join', left),
    right: store(how === 'inner' ? 'other-join' : 'outer-other-join', right),
    unmatched: how === 'inner' ? undefined : unmatchedStore(`${name}-${how}-shared-join-store`, { key, left, right }),
  }
}
