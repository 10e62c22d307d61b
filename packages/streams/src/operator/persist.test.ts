import { expect, it } from 'vitest'
import { type Sink, SinkError } from '../contract/sink.ts'
import { draw, type Order, order, orders, run } from './orders.fixture.ts'
import { persist } from './persist.ts'

/** A system that keeps what it is given, except what it refuses. */
function kept(write: (order: Order) => void = () => {}) {
  const rows: Order[] = []
  const calls: string[] = []
  const sink: Sink<string, Order> = {
    name: 'kept',
    idempotent: true,
    open: async () => void calls.push('open'),
    write: async batch => {
      for (const { value } of batch) write(value!)
      rows.push(...batch.map(({ value }) => value!))
    },
    close: async () => void calls.push('close'),
  }
  return { rows, calls, sink }
}

it('writes each record and hands it on once it is durable', async () => {
  const { sink, rows, calls } = kept()
  const records = [order(1), order(2)]
  expect(await run(persist(sink), records)).toEqual(records)
  expect([rows, calls]).toEqual([records.map(record => record.value), ['open', 'close']])
})

it('puts a poisonous record aside and writes the others', async () => {
  const { sink, rows } = kept(({ cents }) => {
    if (cents < 0) throw new SinkError('poison', 'negative')
  })
  expect(await run(persist(sink, { onError: 'skip' }), [order(1), order(-1), order(2)])).toEqual([order(1), order(2)])
  expect(rows).toEqual([order(1).value, order(2).value])
  await expect(run(persist(sink), [order(-1)])).rejects.toMatchObject({ code: 'RIACHO_ASYNC', place: { node: 'kept' } })
})

it('stops when the sink cannot be opened, whatever the policy', async () => {
  const sink = { ...kept().sink, open: async () => Promise.reject(new Error('no such table')) }
  await expect(run(persist(sink, { onError: 'skip' }), [order(1)])).rejects.toThrow('could not be opened: no such table')
})

it('keeps both serdes and the partitions, and says whether the sink is idempotent', () => {
  const { sink } = kept()
  const { key, value } = orders.node
  const stream = orders.pipe(persist({ ...sink, idempotent: false }, { retry: { retriesMax: 5 }, onError: { deadLetter: 'dead' } }))
  expect(stream.node).toMatchObject({
    kind: 'async',
    label: 'kept',
    key,
    value,
    partitioned: true,
    async: { idempotent: false },
    deadLetters: ['dead'],
  })
  draw(stream)
  expect(() => orders.pipe(persist(sink, { batch: { recordsMax: 0, wait: 1 } }))).toThrow('RIACHO_OPTION')
})
