import { firstValueFrom, from, type OperatorFunction, toArray } from 'rxjs'
import { expect, it } from 'vitest'
import type { StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import { topology } from '../plan/topology.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import type { KStream } from '../stream.ts'
import { selectKey } from './select-key.ts'
import { topic } from './topic.ts'

type In = StreamRecord<string, number | null>

/** A record with one header. The key may be null, as from a topic. */
export const keyed = (key: string | null, value: number | null, timestamp = 0): In =>
  ({ key, value, timestamp, headers: [['trace', Buffer.from('t')]] }) as In

/** Runs a verb on a plain Observable of these records. */
export const run = <R>(verb: OperatorFunction<In, R>, records: readonly In[]): Promise<readonly R[]> =>
  firstValueFrom(from(records).pipe(verb, toArray()))

/** What a verb with a memory draws: one node with one store, the key as it was, and a refusal where keys are not together. `value`: the serde of what it hands on. */
export function draw(name: string, verb: OperatorFunction<In, unknown>, value?: { readonly value: Serde<number> } | 'keeps'): void {
  it('draws one node with its store', () => {
    const source = topic<string, number>('in', { key: text, value: int64 }) as KStream<string, number | null>
    const { node } = source.pipe(verb)
    const stores = [...topology('app', source.pipe(verb)).stores.keys()]
    expect([node.label, node.key, node.partitioned, node.keyed, stores]).toEqual([name, text, true, true, [name]])
    if (value !== undefined) expect(node.value).toBe(value === 'keeps' ? int64 : value.value)
    expect(() => source.pipe(selectKey(String), verb)).toThrow(/RIACHO_NOT_PARTITIONED/)
  })
}
