import { firstValueFrom, from, type OperatorFunction, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import type { StreamRecord } from '../contract/record.ts'
import type { ErrorOption } from '../plan/failure.ts'
import { topology } from '../plan/topology.ts'
import { json } from '../serde/json.ts'
import { text } from '../serde/text.ts'
import type { KStream, KTable, Stream } from '../stream.ts'
import { table } from './table.ts'
import { topic } from './topic.ts'

/** What the examples of the operators are about. */
export interface Order {
  readonly client: string
  readonly cents: number
}

/** A row of the examples' table. */
export interface Client {
  readonly name: string
  readonly city: string
  readonly active: boolean
}

/** The stream of the examples. */
export const orders: KStream<string, Order> = topic('orders', { key: text, value: json<Order>() })
/** The table of the examples. */
export const clients: KTable<string, Client> = table('clients', { key: text, value: json<Client>() })

/** An order of client 'a', or of another. */
export const order = (cents: number, client = 'a', timestamp = 0): StreamRecord<string, Order> => ({
  key: `o${cents}`,
  value: { client, cents },
  timestamp,
  headers: [['trace', Buffer.from('t')]],
})

/** Runs an operator on a plain Observable of these records. */
export const run = <A, B>(operator: OperatorFunction<A, B>, records: readonly A[]): Promise<readonly B[]> =>
  firstValueFrom(from(records).pipe(operator, toArray()))

/** Draws a plan of these ends: what the operators refuse, they refuse here. */
export const draw = (...ends: readonly Stream<unknown>[]): ReturnType<typeof topology> => topology('app', ...ends)

/** The cents of an order, unless they are below 0: then it throws. */
export function cents(value: Order): number {
  if (value.cents < 0) throw new RangeError(`${value.cents} cents`)
  return value.cents
}

/** What every stage with a function of the user owes: the three policies for a record for which the function throws. */
export function keepsPolicies(
  label: string,
  operator: (options: ErrorOption) => OperatorFunction<StreamRecord<string, Order>, unknown>,
  code = 'RIACHO_PROCESSING',
): void {
  describe('a record for which the function throws', () => {
    const records = [order(1), order(-5), order(2)]

    it("stops the task with 'fail', which is the default", async () => {
      const failure = { name: 'RiachoError', code, place: { node: label }, message: expect.stringContaining('-5') }
      await expect(run(operator({}), records)).rejects.toMatchObject(failure)
      await expect(run(operator({ onError: 'fail' }), records)).rejects.toMatchObject(failure)
    })

    it("is left out with 'skip', and the others go on", async () => {
      const all = await run(operator({}), [order(1), order(2)])
      expect(await run(operator({ onError: 'skip' }), records)).toEqual(all)
    })

    it('becomes a dead letter, which exists in plans only', async () => {
      const onError = { deadLetter: 'dead' }
      const deadLettersOf = (options: ErrorOption) => draw(orders.pipe(operator(options))).nodes.flatMap(node => node.deadLetters ?? [])
      expect([deadLettersOf({ onError }), deadLettersOf({ onError: 'skip' })]).toEqual([['dead'], []])
      await expect(run(operator({ onError }), records)).rejects.toMatchObject({ code: 'RIACHO_DEAD_LETTER' })
    })
  })
}
