import { from, type Observable, type OperatorFunction, Subject } from 'rxjs'
import { expect, it } from 'vitest'
import type { StreamRecord } from '../contract/record.ts'
import { draw, keepsPolicies, type Order, order, orders } from '../operator/orders.fixture.ts'
import { repartition } from '../operator/repartition.ts'
import { selectKey } from '../operator/select-key.ts'
import { topic } from '../operator/topic.ts'
import { json } from '../serde/json.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { isStream } from '../stream.ts'
import type { StreamJoinOptions, UnmatchedOption } from './stream-plan.ts'

type Orders = Observable<StreamRecord<string, Order>>
type Options = Partial<StreamJoinOptions<Order, Order> & UnmatchedOption>

/** A join named 'j' of orders with orders that shows what met; 10 milliseconds before and after, unless said otherwise. */
export type Pairing = (
  right: Orders,
  options?: Options,
  name?: string,
) => OperatorFunction<StreamRecord<string, Order>, StreamRecord<string, string>>

/**
 * What comes out of a join while orders come in, each written as `l` or `r`, its key, its time and its cents: 'l a 5 100'. Windows that have closed are looked
 * for at each.
 */
export function met(pairing: Pairing, steps: readonly string[], options: Options = {}): readonly (readonly string[])[] {
  const sides = { l: new Subject<StreamRecord<string, Order>>(), r: new Subject<StreamRecord<string, Order>>() }
  let out: string[] = []
  sides.l
    .pipe(pairing(sides.r, { emitEvery: 0, ...options }))
    .subscribe(({ key, value, timestamp }) => out.push(`${key} ${value} @${timestamp}`))
  return steps.map(step => {
    const [side, key, at, amount] = step.split(' ') as ['l' | 'r', string, string, string]
    const value = amount === 'null' ? null : { client: 'c', cents: Number(amount) }
    out = []
    sides[side].next({ key: key === 'null' ? null : key, value, timestamp: Number(at), headers: [] } as StreamRecord<string, Order>)
    return out
  })
}

/** What a join of two streams owes, inner, left or outer. `stores`: what the names of its stores end with, left, right, and of what met nothing. */
export function keepsStreamJoins(how: 'inner' | 'left' | 'outer', pairing: Pairing, stores: readonly string[]): void {
  const payments = topic('payments', { key: text, value: json<Order>() })

  it('keeps both sides by key as long as the other may meet them, and needs them partitioned', () => {
    const joined = orders.pipe(pairing(payments, { before: 3, after: 4, grace: 5 }))
    const facts = { kind: 'join', label: 'j', key: orders.node.key, value: undefined, partitioned: true, keyed: true, timed: true }
    expect(joined.node).toMatchObject({ ...facts, takesNullKeys: how !== 'inner' })
    const specs = [...draw(joined).stores.values()]
    expect(specs.map(spec => spec.name)).toEqual(stores.map(suffix => `j-${suffix}-store`))
    expect(specs.map(spec => spec.retention)).toEqual([12, 12, undefined].slice(0, stores.length))
    const moved = orders.pipe(selectKey(each => each.client))
    expect(() => moved.pipe(pairing(payments))).toThrow('RIACHO_NOT_PARTITIONED')
    expect(() => orders.pipe(pairing(moved))).toThrow('RIACHO_NOT_PARTITIONED')
  })

  it('lets null keys through a repartition before it only if it takes them', () => {
    const moved = orders.pipe(
      selectKey(each => each.client),
      repartition('by-client', { key: text }),
    )
    const plan = draw(moved.pipe(pairing(payments)))
    expect([...plan.nullKeys].map(node => node.label)).toEqual(how === 'inner' ? [] : ['by-client'])
  })

  it('writes values as its options say, else as its sides do', () => {
    const numbers = topic('numbers', { key: text, value: int64 }) as unknown as Orders
    const changelog = (joined: Observable<unknown>, i: number) => {
      const spec = isStream(joined) ? joined.node.stores![i]! : undefined
      const written: unknown[] = []
      const store = spec!.create({ log: (_key, value) => written.push(value), drop: () => {} }) as unknown as {
        put(...row: unknown[]): void
      }
      store.put('k', 5, 0)
      return Buffer.from(written[0] as string).toString('hex')
    }
    expect(changelog(orders.pipe(pairing(numbers)), 1)).toBe('0000000000000005')
    expect(changelog(orders.pipe(pairing(numbers)), 0)).toBe('35')
    expect(changelog(orders.pipe(pairing(numbers, { right: json() })), 1)).toBe('35')
  })

  refusesNonsense(how, pairing, payments)

  it('pairs records of a key within the window, whichever comes first, in the order of the other side', () => {
    expect(met(pairing, ['l a 100 1', 'r a 90 2', 'r a 110 3', 'r a 111 4', 'r b 105 5', 'l a 101 6'], { grace: 50 })).toEqual([
      [],
      ['a 1-2 @100'],
      ['a 1-3 @110'],
      [],
      [],
      ['a 6-3 @110', 'a 6-4 @111'],
    ])
  })

  it('hands on the headers of the record that came last, and is done when both sides are', () => {
    const sides = { l: new Subject<StreamRecord<string, Order>>(), r: new Subject<StreamRecord<string, Order>>() }
    const seen: unknown[] = []
    sides.l.pipe(pairing(sides.r)).subscribe({ next: ({ headers }) => seen.push(headers), complete: () => seen.push('done') })
    sides.r.next({ ...order(1), headers: [] })
    sides.r.complete()
    sides.l.next(order(1))
    expect(seen).toEqual([order(1).headers])
    sides.l.complete()
    return Promise.resolve().then(() => expect(seen).toEqual([order(1).headers, 'done']))
  })

  keepsPolicies('j', options => source => source.pipe(pairing(source, options)))
}

function refusesNonsense(how: 'inner' | 'left' | 'outer', pairing: Pairing, payments: Orders): void {
  it.each<[Options, string]>([
    [{ before: 0.5 }, 'before is a whole number of milliseconds, not 0.5'],
    [{ after: Number.NaN }, 'after is a whole number of milliseconds, not NaN'],
    [{ before: -11 }, 'before + after is a whole number of milliseconds, 0 or more, not -1'],
    [{ grace: -1 }, 'grace is a whole number of milliseconds, 0 or more, not -1'],
    [{ grace: Number.MAX_SAFE_INTEGER }, 'before + after + grace is a whole number'],
    ...(how === 'inner' ? [] : [[{ emitEvery: -1 }, 'emitEvery is a whole number'] as [Options, string]]),
  ])('refuses %j', (options, why) => {
    expect(() => pairing(payments, options)).toThrow('RIACHO_OPTION')
    expect(() => pairing(payments, options)).toThrow(why)
  })

  it('refuses a name that Kafka does not allow, the same name twice, and sides of two lives', () => {
    expect(() => pairing(payments, {}, 'a b')).toThrow('RIACHO_NAME')
    expect(() => draw(orders.pipe(pairing(payments)), orders.pipe(pairing(payments)))).toThrow('RIACHO_NAME')
    expect(() => orders.pipe(pairing(from([])))).toThrow('RIACHO_MIXED')
    expect(() => from([order(1)]).pipe(pairing(payments))).toThrow('RIACHO_MIXED')
  })
}
