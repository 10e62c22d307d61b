import { concat, from, NEVER, type Observable, type OperatorFunction, take } from 'rxjs'
import { expect, it } from 'vitest'
import type { Change, StreamRecord } from '../contract/record.ts'
import { clients, draw, keepsPolicies, type Order, order, orders, run } from '../operator/orders.fixture.ts'
import { selectKey } from '../operator/select-key.ts'
import { isStream, type KTable } from '../stream.ts'
import type { StreamTableOptions } from './stream-table.ts'

/** A change of a table of cities by order. */
export const row = (key: string, value: string | null, timestamp = 9): Change<string, string> => ({
  key,
  value,
  previous: undefined,
  timestamp,
  headers: [],
  latest: true,
})

/** A join of orders with cities that shows what met. */
export type Meeting = (
  table: Observable<Change<string, string>>,
  options?: StreamTableOptions,
) => OperatorFunction<StreamRecord<string, Order>, StreamRecord<string, string>>

/** What a join of a stream with a table owes, inner or left. */
export function keepsJoins(label: string, meeting: Meeting): void {
  const cities = clients as unknown as KTable<string, string>

  it('reads rows of the table and needs both sides partitioned by key', () => {
    const joined = orders.pipe(meeting(cities))
    expect(joined.node).toMatchObject({ kind: 'join', label, key: orders.node.key, value: undefined, partitioned: true, keyed: true })
    expect([...draw(joined).stores.keys()]).toEqual(['clients'])
    expect(() =>
      orders.pipe(
        selectKey(each => each.client),
        meeting(cities),
      ),
    ).toThrow('RIACHO_NOT_PARTITIONED')
  })

  it('refuses a side that is no table, and sides of two lives', () => {
    expect(() => orders.pipe(meeting(orders as unknown as KTable<string, string>))).toThrow('RIACHO_NOT_A_PLAN')
    expect(() => orders.pipe(meeting(from([])))).toThrow('RIACHO_MIXED')
    expect(() => from([order(1)]).pipe(meeting(cities))).toThrow('RIACHO_MIXED')
  })

  it("hands on with the record's own time and headers, and is done when the records are", async () => {
    const open = concat(from([row('o1', 'Rio', 9)]), NEVER)
    expect(await run(meeting(open), [order(1, 'a', 5)])).toEqual([{ key: 'o1', value: '1 Rio', timestamp: 5, headers: order(1).headers }])
  })

  it('is handed nothing by changes', async () => {
    expect(await run(meeting(from([row('o1', 'Rio')])), [])).toEqual([])
    expect(await run(source => source.pipe(meeting(from([row('o1', 'Rio')])), take(1)), [order(1), order(1)])).toHaveLength(1)
  })

  const rows = from([row('o1', 'a'), row('o-5', 'b'), row('o2', 'c')])
  keepsPolicies(label, options => source => source.pipe(meeting(isStream(source) ? cities : rows, options)))
}
