import { from, type Observable } from 'rxjs'
import { expect, it } from 'vitest'
import type { Change } from '../contract/record.ts'
import { clients, draw, orders } from '../operator/orders.fixture.ts'
import { table } from '../operator/table.ts'
import { to } from '../operator/to.ts'
import { toStream } from '../operator/to-stream.ts'
import { describeJson } from '../plan/describe-json.ts'
import { partitionCounts } from '../plan/partitions.ts'
import { json } from '../serde/json.ts'
import { text } from '../serde/text.ts'
import type { KTable } from '../stream.ts'
import type { ForeignKeyOptions } from './foreign-key.ts'

/** A row of the examples' left table. */
export interface Parcel {
  readonly client: string
  readonly cents: number
}

/** The left table of the examples. */
export const parcels = (): KTable<string, Parcel> => table('parcels', { key: text, value: json<Parcel>() })

/** A foreign-key join of parcels with clients. */
export type Joined = (
  left: Observable<Change<string, Parcel>>,
  name?: string,
  right?: Observable<Change<string, unknown>>,
  options?: ForeignKeyOptions<string, string>,
) => KTable<string, string>

/** What a foreign-key join owes, inner or left. */
export function keepsForeignKeyJoins(label: string, joined: Joined): void {
  it('moves through two topics of Kafka Streams’ names and keeps its subscriptions', () => {
    const plan = draw(joined(parcels()).pipe(toStream(), to('out')))
    const topics = plan.subTopologies.flatMap(part => part.topics)
    expect(topics.sort()).toEqual(['app-fk-subscription-registration-topic', 'app-fk-subscription-response-topic', 'clients', 'parcels'])
    expect([...plan.stores.keys()].sort()).toEqual(['clients', 'fk-subscription-store', 'parcels'])
    expect(plan.subTopologies).toHaveLength(2)
    expect([...plan.nullKeys].map(node => node.label).sort()).toEqual(['fk-subscription-registration', 'fk-subscription-response'])
    expect(
      describeJson(plan)
        .subTopologies.flatMap(part => part.nodes.map(node => node.topic ?? []))
        .flat(),
    ).toContain('out')
  })

  it('needs no equal partitions: each topic has those of the table that it goes to', () => {
    const plan = draw(joined(parcels()))
    const external = { parcels: 3, clients: 5 }
    const counts = partitionCounts(plan, new Map(Object.entries(external)))
    expect(Object.fromEntries(counts)).toEqual({
      ...external,
      'app-fk-subscription-registration-topic': 5,
      'app-fk-subscription-response-topic': 3,
    })
  })

  it('keeps its result if it is named or needed', () => {
    const named = joined(parcels(), 'fk', clients, { store: 'rows', value: text })
    expect(named.node).toMatchObject({ kind: 'join', label: 'fk', table: 'kept', key: text, value: text, partitioned: true })
    expect([...draw(named).stores.keys()]).toContain('rows')
    expect(joined(parcels()).node).toMatchObject({ table: 'lazy', value: undefined })
    const again = joined(joined(parcels()) as never, 'fk2')
    expect([...draw(again).stores.keys()].sort()).toEqual(['clients', 'fk', 'fk-subscription-store', 'fk2-subscription-store', 'parcels'])
  })

  it('keeps a history of its result if it is told', () => {
    const versioned = joined(parcels(), 'fk', clients, { store: 'rows', historyRetention: 100 })
    expect(versioned.node).toMatchObject({ versioned: true, stores: [{ name: 'rows', kind: 'versioned' }] })
  })

  it('writes dead letters of either function', () => {
    const drawn = joined(parcels(), 'fk', clients, { onError: { deadLetter: 'dead' } })
    expect(draw(drawn).nodes.filter(node => node.deadLetters?.includes('dead'))).toHaveLength(2)
    expect(draw(joined(parcels())).nodes.flatMap(node => node.deadLetters ?? [])).toEqual([])
  })

  it('joins a table with itself', () => {
    const all = parcels()
    expect(draw(joined(all, 'fk', all)).subTopologies).toHaveLength(1)
  })

  it('goes to the partition that it is told, and without a foreign key where it likes', () => {
    const [sent] = joined(parcels(), 'fk', clients, { partition: (key, n) => key.length % n }).node.parents[1]!.parents.slice(1)
    const chosen = (key: string | null) => sent!.repartition!.partition!({ key, value: null, timestamp: 0, headers: [] }, 5)
    expect([chosen('abcdefg'), chosen(null)]).toEqual([2, undefined])
  })

  it('exists in plans only, of two tables with a key serde, and with a name', () => {
    const plain = from<Change<string, never>[]>([])
    expect(() => joined(plain, 'fk', plain)).toThrow(new RegExp(`RIACHO_PLAN_ONLY.*${label}\\('fk'\\)`))
    expect(() => joined(parcels(), 'fk', plain)).toThrow('RIACHO_MIXED')
    expect(() => joined(plain)).toThrow('RIACHO_MIXED')
    expect(() => joined(parcels(), 'f k')).toThrow('RIACHO_NAME')
    expect(() => joined(parcels(), 'fk', orders as never)).toThrow(/RIACHO_NOT_A_PLAN.*'orders' is none/)
    expect(() => joined(orders as never)).toThrow(/RIACHO_NOT_A_PLAN.*'orders' is none/)
    const both = joined(parcels())
    expect(() => draw(both, joined(parcels()))).toThrow('RIACHO_NAME')
  })
}
