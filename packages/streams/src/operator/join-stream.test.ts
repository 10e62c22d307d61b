import { from, Subject } from 'rxjs'
import { describe, expect, it } from 'vitest'
import type { StreamRecord } from '../contract/record.ts'
import { keepsStreamJoins, met, type Pairing } from '../join/stream-stream.fixture.ts'
import { joinStream } from './join-stream.ts'
import { leftJoinStream } from './left-join-stream.ts'
import { mapValues } from './map-values.ts'
import { cents, draw, type Order, order, orders } from './orders.fixture.ts'

const window = { before: 10, after: 10, grace: 5 }
const pairing: Pairing = (right, options, name = 'j') =>
  joinStream(name, right, (l: Order, r: Order) => `${cents(l)}-${cents(r)}`, { ...window, ...options })
keepsStreamJoins('inner', pairing, ['this-join', 'other-join'])

it('drops null keys and null values, and what has expired meets nobody', () => {
  const steps = ['l a 100 1', 'r null 100 2', 'r a 100 null', 'l a 125 4', 'r a 99 5', 'l a 124 6', 'r a 101 7']
  expect(met(pairing, steps).flat()).toEqual([])
  expect(met(pairing, ['l a 100 1', 'l a 124 4', 'r a 99 5'])).toEqual([[], [], ['a 1-5 @100']])
})

it('a window may lie wholly before or after a record', () => {
  const later = { before: -5, after: 10 }
  expect(met(pairing, ['l a 100 1', 'r a 104 2', 'r a 105 3', 'r a 110 4', 'r a 111 5'], later).flat()).toEqual([
    'a 1-3 @105',
    'a 1-4 @110',
  ])
})

describe('a stream joined with itself over one store', () => {
  const itself: Pairing = (right, options, name = 'j') =>
    joinStream(name, right, (l: Order, r: Order) => `${l.cents}-${r.cents}`, { ...window, ...options, singleStore: true })

  it('has one store, and pairs as two stores would', () => {
    expect([...draw(orders.pipe(itself(orders))).stores.keys()]).toEqual(['j-this-join-store'])
    const all = [order(1, 'a', 100), order(1, 'b', 105), order(1, 'c', 95), order(2, 'd', 95), order(1, 'e', 95)]
    const shown = (join: Pairing) => {
      const source = new Subject<StreamRecord<string, Order>>()
      const out: string[] = []
      const numbered = source.pipe(mapValues(({ client }) => ({ client, cents: client.charCodeAt(0) })))
      const input = new Subject<StreamRecord<string, Order>>()
      numbered.subscribe(input)
      input.pipe(join(input, { grace: 50 })).subscribe(({ key, value, timestamp }) => out.push(`${key} ${value} @${timestamp}`))
      for (const each of all) source.next(each)
      return out
    }
    expect(shown(itself)).toEqual(shown(pairing))
    expect(shown(itself)).toHaveLength(17)
  })

  it('is refused for two streams, and for joins that hand on what met nothing', () => {
    expect(() => orders.pipe(itself(orders.pipe(mapValues(each => each))))).toThrow('RIACHO_OPTION')
    expect(() => from([order(1)]).pipe(itself(from([order(1)])))).toThrow('RIACHO_OPTION')
    const left = () => leftJoinStream('j', orders, (l: Order) => l.cents, { ...window, singleStore: true } as typeof window)
    expect(() => orders.pipe(left())).toThrow('RIACHO_OPTION')
  })
})
