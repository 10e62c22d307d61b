import type { Observable, OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import type { Serde, Serdes } from '../contract/serde.ts'
import type { ChosenPartition, Emit, SinkSpec } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { deadLettersOf, type ErrorOption, failed } from '../plan/failure.ts'
import { said } from '../plan/mixed.ts'
import { makeNode } from '../plan/node.ts'
import { json } from '../serde/json.ts'
import { isStream, Stream } from '../stream.ts'

/**
 * How a topic is written: serdes (default: the inherited ones, else JSON for values) and partition (default: murmur2 of the key's bytes; windowed keys: of the inner key).
 * `onError` is for records that its serdes refuse, and for which its functions throw or choose what there is not.
 */
export interface ToOptions<K, V> extends Partial<Serdes<NonNullable<K>, NonNullable<V>>>, ErrorOption {
  readonly partition?: (record: StreamRecord<K, V>, partitions: number) => ChosenPartition
}

/**
 * Writes to a topic, or to the topic that a function chooses per record; those topics must exist. The end of a stream. Exists in plans only.
 *
 * @example
 * orders.pipe(filter(order => order.cents > 100_000), to('orders-large'))
 */
export function to<K, V>(
  topic: string | ((record: StreamRecord<K, V>) => string),
  options: ToOptions<NoInfer<K>, NoInfer<V>> = {},
): OperatorFunction<StreamRecord<K, V>, never> {
  return (source: Observable<StreamRecord<K, V>>): Observable<never> => {
    if (!isStream(source)) {
      throw new RiachoError(
        'RIACHO_PLAN_ONLY',
        `to(${typeof topic === 'string' ? `'${topic}'` : 'f'}) exists in plans only: subscribe to the Observable, or draw the operator on a Stream`,
      )
    }
    const parent = source.node
    const label = typeof topic === 'string' ? topic : 'to'
    const key = said(options.key ?? parent.key, label, 'key') as (Serde<unknown> & { readonly inner?: Serde<unknown> }) | undefined
    if (key === undefined)
      throw new RiachoError(
        'RIACHO_NO_SERDE',
        `'${label}' writes keys and nobody said how: give it { key: … }, or the operator that made the key`,
        { place: { node: label } },
      )
    const inner = key.inner
    const sink: SinkSpec = Object.freeze({
      topic: topic as SinkSpec['topic'],
      key,
      value: (said(options.value ?? parent.value, label, 'value') ?? json()) as Serde<unknown>,
      ...(inner !== undefined && { partitionKey: (windowed: unknown) => inner.encode((windowed as { key: unknown }).key) }),
      ...(options.partition && { partition: options.partition as NonNullable<SinkSpec['partition']> }),
    })
    return new Stream<never>(
      makeNode({
        kind: 'sink',
        label,
        parents: Object.freeze([parent]),
        sink,
        ...deadLettersOf(options.onError),
        open: task => [guarded(task.sender(sink), failed(task, label, options.onError, 'RIACHO_ENCODE')) as Emit],
      }),
    )
  }
}

/** What the record itself is to blame for is the policy's; a broker that does not take it is not. */
function guarded(send: Emit<StreamRecord<unknown, unknown>>, fail: (thrown: unknown) => void): Emit<StreamRecord<unknown, unknown>> {
  return record => {
    try {
      send(record)
    } catch (thrown) {
      if (!(thrown instanceof RiachoError)) throw thrown
      fail(thrown)
    }
  }
}
