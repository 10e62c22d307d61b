import { expect, it } from 'vitest'
import { json } from '../serde/json.ts'
import { text } from '../serde/text.ts'
import { draw, type Order } from './orders.fixture.ts'
import { topic } from './topic.ts'

const value = json<Order>()

it('reads topics with its serdes, is partitioned, and drops null values', () => {
  const { node } = topic('orders', { key: text, value })
  expect(node).toMatchObject({ kind: 'source', label: 'orders', key: text, value, partitioned: true, parents: [] })
  expect(node.source).toMatchObject({ topics: ['orders'], nulls: 'drop', onError: 'fail', invalidTimestamp: 'fail' })
})

it('keeps what it is told', () => {
  const timestamp = () => 5
  const { node } = topic(['a', 'b'], {
    key: text,
    value,
    nulls: 'keep',
    timestamp,
    invalidTimestamp: 'skip',
    onError: { deadLetter: 'dead' },
  })
  expect(node).toMatchObject({ label: 'a,b', deadLetters: ['dead'] })
  expect(node.source).toMatchObject({
    topics: ['a', 'b'],
    nulls: 'keep',
    timestamp,
    invalidTimestamp: 'skip',
    onError: { deadLetter: 'dead' },
  })
  expect(draw(topic(['a', 'b'], { key: text, value })).subTopologies[0]!.topics).toEqual(['a', 'b'])
})

it.each(['', 'a b', 'a/b', 'x'.repeat(250)])('refuses the topic %j', name => {
  expect(() => topic(name, { key: text, value })).toThrow('RIACHO_NAME')
  expect(() => topic(['fine', name], { key: text, value })).toThrow('RIACHO_NAME')
})

it('reads at least one topic', () => {
  expect(() => topic([], { key: text, value })).toThrow('RIACHO_NAME')
})

it('is a plan: nobody subscribes to it', () => {
  const orders = topic('orders', { key: text, value })
  expect(() => orders.subscribe()).toThrow('RIACHO_PLAN_SUBSCRIBED')
  expect(() => orders.forEach()).toThrow('RIACHO_PLAN_SUBSCRIBED')
})
