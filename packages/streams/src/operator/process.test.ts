import { describe, expect, it } from 'vitest'
import { unasked } from '../async/fake-task.fixture.ts'
import type { OnError } from '../contract/node.ts'
import type { StreamRecord } from '../contract/record.ts'
import { looked } from '../join/lookup.fixture.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { keyValueStore } from '../store/key-value.ts'
import { globalTable } from './global-table.ts'
import { mapValues } from './map-values.ts'
import { cents, draw, keepsPolicies, type Order, order, orders, run } from './orders.fixture.ts'
import { process } from './process.ts'
import { selectKey } from './select-key.ts'
import { to } from './to.ts'

const seen = keyValueStore('seen', { key: text, value: int64 })
const distinct = process<string, Order, string, Order>(
  'distinct',
  context => {
    const store = context.store(seen)
    return record => {
      if (store.get(record.value.client) !== undefined) return
      store.put(record.value.client, 1, record.timestamp)
      context.forward(record)
    }
  },
  { stores: [seen] },
)

it('is made once, called for each record, and forwards what it likes', async () => {
  let made = 0
  const twice = process<string, Order, string, number>('twice', context => {
    made++
    return (record: StreamRecord<string, Order>) => {
      context.forward({ ...record, value: record.value.cents })
      context.forward({ ...record, value: context.streamTime })
    }
  })
  const got = await run(twice, [order(1, 'a', 7), order(2, 'a', 3)])
  expect([got.map(record => record.value), made]).toEqual([[1, 7, 2, 7], 1])
})

it('has the stores that it names', async () => {
  expect(await run(distinct, [order(1, 'a'), order(2, 'a'), order(3, 'b')])).toEqual([order(1, 'a'), order(3, 'b')])
})

it('with stores it needs partitions; what it forwards has the serdes it is given and is not partitioned', () => {
  expect(orders.pipe(distinct).node).toMatchObject({
    kind: 'process',
    label: 'distinct',
    key: undefined,
    partitioned: false,
    keyed: true,
    timed: true,
    stores: [seen],
  })
  expect(() =>
    orders.pipe(
      selectKey(order => order.client),
      distinct,
    ),
  ).toThrow('RIACHO_NOT_PARTITIONED')
  const halve = process<string, Order, string, number>(
    'halve',
    context => record => context.forward({ ...record, value: record.value.cents / 2 }),
    { key: text },
  )
  draw(
    orders.pipe(
      selectKey(order => order.client),
      halve,
      to('halves'),
    ),
  )
  expect(() => process('a b', () => () => {})).toThrow('RIACHO_NAME')
})

it('guards its own code only, not what comes after it', async () => {
  const through = process<string, Order, string, Order>('p', context => record => context.forward(record), { onError: 'skip' })
  const boom = mapValues<string, Order, never>(() => {
    throw new Error('after')
  })
  await expect(run(source => boom(through(source)), [order(1)])).rejects.toMatchObject({ place: { node: 'mapValues' } })
  const drawn = orders.pipe(through).node
  const failing = () => {
    throw new Error('after')
  }
  const [input] = drawn.open({ position: () => null, drop: () => {} } as never, failing, unasked)
  expect(() => input!(order(1))).toThrow('after')
})

describe('a punctuator that throws', () => {
  const ticking = (onError: OnError) =>
    process<string, Order, string, Order>(
      'ticking',
      context => {
        context.schedule(1, 'stream', () => {
          throw new Error('tick')
        })
        return context.forward
      },
      { onError },
    )

  it("stops the task with 'fail', and names the processor", async () => {
    await expect(run(ticking('fail'), [order(1)])).rejects.toMatchObject({
      code: 'RIACHO_PROCESSING',
      place: { node: 'ticking' },
      cause: { message: 'tick' },
    })
  })

  it("is called again with 'skip', and can become a dead letter", async () => {
    expect(await run(ticking('skip'), [order(1, 'a', 0), order(2, 'a', 1)])).toHaveLength(2)
    await expect(run(ticking({ deadLetter: 'dead' }), [order(1)])).rejects.toMatchObject({ code: 'RIACHO_DEAD_LETTER' })
  })
})

describe('schedule', () => {
  const scheduling = (interval: number, anchor?: number) =>
    process<string, Order, string, Order>('scheduling', context => {
      context.schedule(interval, 'wall', () => {}, anchor)()
      return context.forward
    })

  it.each([[0], [-1], [1.5], [Number.NaN], [Number.POSITIVE_INFINITY]])('refuses the interval %s', async interval => {
    await expect(run(scheduling(interval), [order(1)])).rejects.toMatchObject({
      code: 'RIACHO_OPTION',
      message: expect.stringMatching(/'scheduling'.*interval/),
    })
  })

  it.each([[-1], [0.5], [Number.NaN]])('refuses the anchor %s', async anchor => {
    await expect(run(scheduling(5, anchor), [order(1)])).rejects.toMatchObject({
      code: 'RIACHO_OPTION',
      message: expect.stringMatching(/'scheduling'.*anchor/),
    })
  })

  it('takes others', async () => {
    expect(await run(scheduling(1, 0), [order(1)])).toHaveLength(1)
  })
})

it('may keep stores that do not go by the key', () => {
  const sampled = process<string, Order, string, Order>('sampled', context => context.forward, { stores: [seen], keyed: false })
  const scattered = orders.pipe(
    selectKey(order => order.client),
    sampled,
  )
  expect([scattered.node.keyed, draw(scattered).stores.has('seen')]).toEqual([false, true])
})

it('reads the global tables that it names, and no others', async () => {
  const prices = globalTable('prices', { key: text, value: text })
  const priced = (globals: readonly (typeof prices)[]) =>
    orders.pipe(
      process<string, Order, string, string | undefined>(
        'priced',
        context => {
          const rows = context.global(prices)
          return record => context.forward({ ...record, value: rows.get(record.value.client)?.value })
        },
        { globals },
      ),
    )
  expect(looked(priced([prices]), { a: 'dear' }, [order(1), order(2, 'b')]).out.map(({ value }) => value)).toEqual(['dear', undefined])
  expect(() => looked(priced([]), {}, [order(1)])).toThrow(/RIACHO_OPTION.*'priced' uses 'prices'/)
})

it('answers at once', async () => {
  const late = process<string, Order, string, Order>('late', () => async () => {
    throw new Error('nobody hears this')
  })
  await expect(run(late, [order(1)])).rejects.toMatchObject({ code: 'RIACHO_PROMISE', message: expect.stringContaining('mapAsync') })
})

it('shares a store that two of them name', () => {
  expect([...draw(orders.pipe(distinct), orders.pipe(distinct)).stores.values()]).toEqual([seen])
})

keepsPolicies('p', options =>
  process<string, Order, string, number>('p', context => record => context.forward({ ...record, value: cents(record.value) }), options),
)

it('does not have a store that it does not name', async () => {
  const secret = process<string, Order, string, Order>('secret', context => () => context.store(seen))
  await expect(run(secret, [order(1)])).rejects.toMatchObject({ code: 'RIACHO_OPTION', message: expect.stringContaining("'seen'") })
})
