import type { Observable } from 'rxjs'
import type { Change, StreamRecord, Windowed } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import { RiachoError } from '../errors.ts'
import { folded, kept } from '../plan/aggregate.ts'
import { deadLettersOf } from '../plan/failure.ts'
import { keyOf, plainKey } from '../plan/keyed.ts'
import { merged, mixed } from '../plan/mixed.ts'
import { checkName } from '../plan/node.ts'
import { combined } from '../plan/operator.ts'
import { json } from '../serde/json.ts'
import { isStream, type KStream, type KTable } from '../stream.ts'
import { checkMerge } from '../window/session-aggregation.ts'
import type { AlignedWindows, SessionWindows, SlidingWindows, Windows } from '../window/windows.ts'
import type { AggregateOptions } from './aggregate.ts'

/** How the records of one input go into the result. `A` is `V` without the nulls that are dropped before. */
type Add<K, V, R, A> = (value: A, sum: R, record: StreamRecord<K, V>) => R | null
/** One input in a plan: its stream, and how its records are added. */
export type CogroupStream<K, V, R, A = V> = readonly [stream: KStream<K, V>, add: Add<K, V, R, A>]
type CogroupObservable<K, V, R, A = V> = readonly [records: Observable<StreamRecord<K, V>>, add: Add<K, V, R, A>]

/** Inputs, each with values of a type of its own: the first says the type of the keys. */
type Many = readonly unknown[]
type Streams<K, V, Vs extends Many, R> = readonly [CogroupStream<K, V, R>, ...{ readonly [I in keyof Vs]: CogroupStream<K, Vs[I], R> }]
type StreamsOfSome<K, V, Vs extends Many, R> = readonly [
  CogroupStream<K, V, R, NonNullable<V>>,
  ...{ readonly [I in keyof Vs]: CogroupStream<K, Vs[I], R, NonNullable<Vs[I]>> },
]
type Observables<K, V, Vs extends Many, R> = readonly [
  CogroupObservable<K, V, R>,
  ...{ readonly [I in keyof Vs]: CogroupObservable<K, Vs[I], R> },
]
type ObservablesOfSome<K, V, Vs extends Many, R> = readonly [
  CogroupObservable<K, V, R, NonNullable<V>>,
  ...{ readonly [I in keyof Vs]: CogroupObservable<K, Vs[I], R, NonNullable<Vs[I]>> },
]

/** Options of a cogroup in windows; sessions need `merge`, which makes one result of two. */
export type CogroupWindowOptions<K, R> = AggregateOptions<R> &
  (
    | { readonly window: AlignedWindows | SlidingWindows }
    | { readonly window: SessionWindows; readonly merge: (earlier: R, later: R, key: K) => R | null }
  )

/**
 * Folds several streams into one result of each key, or of each key and window (Kafka Streams: `cogroup`, KIP-150): each input has a function of its own that adds its
 * values, all of them share `init` and the store that `name` names. Each input keeps its own time: a record is late by what came on its own stream. Null keys are
 * dropped; null values too, but in tumbling, hopping and session windows; a null result deletes. Throws `RIACHO_NOT_PARTITIONED`, and `RIACHO_NO_SERDE` when the
 * inputs' keys have no serde or different ones.
 *
 * @example
 * cogroup('cents-owed', () => 0, [
 *   [orders, (order, owed) => owed + order.cents],
 *   [payments, (payment, owed) => owed - payment.cents],
 * ]).pipe(toStream())
 */
export function cogroup<K, R, V, Vs extends Many>(
  name: string,
  init: () => R | null,
  inputs: Streams<K, V, Vs, R>,
  options: CogroupWindowOptions<K, R>,
): KTable<Windowed<K>, R>
export function cogroup<K, R, V, Vs extends Many>(
  name: string,
  init: () => R | null,
  inputs: StreamsOfSome<K, V, Vs, R>,
  options?: AggregateOptions<R>,
): KTable<K, R>
export function cogroup<K, R, V, Vs extends Many>(
  name: string,
  init: () => R | null,
  inputs: Observables<K, V, Vs, R>,
  options: CogroupWindowOptions<K, R>,
): Observable<Change<Windowed<K>, R>>
export function cogroup<K, R, V, Vs extends Many>(
  name: string,
  init: () => R | null,
  inputs: ObservablesOfSome<K, V, Vs, R>,
  options?: AggregateOptions<R>,
): Observable<Change<K, R>>
export function cogroup<K, R>(
  name: string,
  init: () => R | null,
  inputs: readonly (readonly [source: Observable<unknown>, add: (value: never, sum: R, record: never) => R | null])[],
  options: AggregateOptions<R> & { readonly window?: Windows; readonly merge?: (earlier: R, later: R, key: K) => R | null } = {},
): unknown {
  checkName(name, 'store')
  const { window, merge, onError } = options
  checkMerge(name, window, merge)
  if (inputs.length === 0) throw new RiachoError('RIACHO_OPTION', `'${name}' groups no streams: give it [stream, add] of at least one`)
  const sources = inputs.map(([source]) => source)
  const { spec, facts } = kept(
    name,
    { key: keysOf(name, sources) as Serde<K>, value: options.value ?? json<R>(), cache: options.cache },
    window,
  )
  return combined<unknown>(
    sources,
    () => ({ ...facts, partitioned: true, ...deadLettersOf(onError) }),
    (task, out, asked) =>
      inputs.map(([, add], i) => {
        // Each input has a time of its own; no other operator can have such a name.
        const label = `${name}[${i}]`
        return folded<K, never, R>(window, task, out, asked, spec, {
          label,
          init,
          add: add as (value: never, sum: R | null, record: StreamRecord<K, never>) => R | null,
          ...(merge && { merge: merge as (earlier: R | null, later: R | null, key: K) => R | null }),
          options: { ...(onError && { onError }) },
        })
      }) as never,
  )
}

/** The serde of the keys by which the inputs meet. */
function keysOf(name: string, sources: readonly Observable<unknown>[]): Serde<unknown> {
  if (!sources.every(isStream)) return plainKey
  const streams = sources.filter(isStream)
  for (const { node } of streams) {
    if (node.deltas)
      throw new RiachoError(
        'RIACHO_OPTION',
        `'${name}' groups streams, and '${node.label}' is a regrouped table: aggregate that with { subtract }`,
      )
  }
  const key = merged(streams.map(({ node }) => keyOf(node, name)))
  if (key === undefined || key === mixed)
    throw new RiachoError('RIACHO_NO_SERDE', `'${name}' groups streams whose keys have different serdes: give them the same`, {
      place: { node: name },
    })
  return key
}
