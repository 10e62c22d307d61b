import type { Observable, OperatorFunction } from 'rxjs'
import type { Change, Delta, StreamRecord } from '../contract/record.ts'
import type { Serde, Serdes } from '../contract/serde.ts'
import type { Emit, Task } from '../contract/task.ts'
import { deadLettersOf, type ErrorOption, failed } from '../plan/failure.ts'
import { operator } from '../plan/operator.ts'
import { isStream } from '../stream.ts'
import { DeltaValue } from '../window/table-aggregation.ts'
import { decodeChange, encodeChange } from '../wire/change.ts'
import { moving } from './repartition.ts'

/**
 * Groups a table by a new key (Kafka Streams: `KTableRepartitionMap`): each change becomes what to subtract from the old group and what to add to the new one, in
 * one message when both are the same group, else the old one first. A null key or value in the pair belongs to no group.
 *
 * @example
 * clients.pipe(regroup('by-city', client => [client.city, 1], { key: text, value: int64 }), count('clients-per-city'))
 */
export function regroup<K, V, K2, V2>(
  name: string,
  select: (value: V, key: K) => readonly [K2 | null, V2 | null],
  options: Serdes<K2, V2> & ErrorOption,
): OperatorFunction<Change<K, V>, Delta<K2, V2>> {
  return (source: Observable<Change<K, V>>) => {
    const versioned = isStream(source) && source.node.versioned === true
    const drawn = operator<Change<K, V>, StreamRecord<K2, DeltaValue<V2>>>(
      () => ({
        ...moving(name, { key: options.key as Serde<unknown>, value: deltaSerde(options.value) as Serde<unknown> }, false),
        deltas: true,
        wishes: Object.freeze([{ of: 0, previous: 'always' } as const]),
        ...deadLettersOf(options.onError),
      }),
      (task, out) => regrouping(name, select, options, versioned, task, out),
    )
    return drawn(source) as unknown as Observable<Delta<K2, V2>>
  }
}

function regrouping<K, V, K2, V2>(
  name: string,
  select: (value: V, key: K) => Pair<K2, V2>,
  options: Serdes<K2, V2> & ErrorOption,
  versioned: boolean,
  task: Task,
  out: Emit<StreamRecord<K2, DeltaValue<V2>>>,
): Emit<Change<K, V>> {
  const fail = failed(task, name, options.onError)
  const paired = (value: V | null | undefined, key: K): Pair<K2, V2> | null =>
    value === null || value === undefined ? null : present(select(value, key))
  return change => {
    // Groups hold the rows of now: a change that is late in a table ordered by time alters none (KIP-914).
    if (versioned && !change.latest) return
    let add: Pair<K2, V2> | null
    let subtract: Pair<K2, V2> | null
    try {
      add = paired(change.value, change.key)
      subtract = paired(change.previous, change.key)
    } catch (thrown) {
      return fail(thrown)
    }
    send(out, change, add, subtract, options.key)
  }
}

type Pair<K, V> = readonly [K | null, V | null]

/** A function over JSON answers undefined where a field is missing: that is no group, and nothing to add. */
const present = <K, V>(pair: Pair<K, V>): Pair<K, V> | null => ((pair[0] ?? null) === null || (pair[1] ?? null) === null ? null : pair)

function send<K2, V2>(
  out: Emit<StreamRecord<K2, DeltaValue<V2>>>,
  change: Change<unknown, unknown>,
  add: Pair<K2, V2> | null,
  subtract: Pair<K2, V2> | null,
  key: Serde<K2>,
): void {
  const { timestamp, headers } = change
  const emit = (group: K2, value: V2 | null, previous: V2 | null): void =>
    out({ key: group, value: new DeltaValue(value, previous), timestamp, headers })
  if (add !== null && subtract !== null && sameKey(add[0]!, subtract[0]!, key)) {
    emit(add[0]!, add[1], subtract[1])
    return
  }
  if (subtract !== null) emit(subtract[0]!, null, subtract[1])
  if (add !== null) emit(add[0]!, add[1], null)
}

const sameKey = <K>(a: K, b: K, serde: Serde<K>): boolean =>
  a === b || (typeof a === 'object' && Buffer.compare(serde.encode(a), serde.encode(b)) === 0)

function deltaSerde<V>(inner: Serde<V>): Serde<DeltaValue<V>> {
  return {
    encode: delta =>
      encodeChange(delta.value === null ? null : inner.encode(delta.value), delta.previous === null ? null : inner.encode(delta.previous)),
    decode: raw => {
      const { value, previous } = decodeChange(raw)
      return new DeltaValue(value === null ? null : inner.decode(value), previous === null ? null : inner.decode(previous))
    },
  }
}
