import { embedded } from '@riacho/embedded'
import { app } from '@riacho/runtime'
import { flatMapValues, json, mapAsync, text, to, topic, topology } from '@riacho/streams'
import type { Broker } from '@riacho/streams/engine'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { consume } from '../records/consume.ts'
import { replayLetters } from './replay.ts'
import { showLetters } from './show.ts'

let broker: Broker
beforeEach(async () => {
  broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['orders', 'done', 'dead'].map(name => ({ name, partitions: 2 })))
})
afterEach(() => broker.close())

interface Line {
  readonly partition: number
  readonly timestamp: string
  readonly key: string
  readonly value: string
  readonly headers: [string, string][]
}

async function lines(name: string): Promise<Line[]> {
  const found: Line[] = []
  await consume(broker, { topic: name, untilEnd: true }, line => void found.push(JSON.parse(line) as Line))
  return found
}
const values = async (name: string): Promise<string[]> => (await lines(name)).map(({ value }) => value).sort()

interface Item {
  readonly name: string
}

/** Each order is split before the stage, so that what the stage was given is in no topic. */
function plan(fails: (name: string) => boolean, seen: string[], retries = true) {
  const work = mapAsync(
    async ({ name }: Item, { headers }) => {
      seen.push(`${name}${headers.some(([header]) => header === 'RetryCount') ? ' again' : ''}`)
      if (fails(name)) throw new Error('the shop is closed')
      return name
    },
    {
      retry: { retriesMax: 1, backoff: { min: 1, max: 2 }, ...(retries && { topics: { name: 'shop', delays: [] } }) },
      onError: { deadLetter: 'dead' },
      breaker: false,
    },
  )
  const items = flatMapValues((order: { readonly items: readonly string[] }) => order.items.map((name): Item => ({ name })))
  return topology(
    'shop-app',
    topic('orders', { key: text, value: json<{ items: string[] }>() }).pipe(items, work, to('done', { value: text })),
  )
}

async function run(...made: Parameters<typeof plan>): Promise<void> {
  const running = app(plan(...made), { broker, guarantee: 'exactly-once' })
  await running.start()
  await running.untilEnd()
  await running.stop()
}

async function order(key: string, partition: number, ...items: readonly string[]): Promise<void> {
  const producer = await broker.producer({})
  producer.partition({ topic: 'orders', partition }).append(7000, key, JSON.stringify({ items }), [['trace', Buffer.from('t')]])
  await producer.flush()
  await producer.close()
}
const closed = (name: string): boolean => name.startsWith('b')
const none = { replayed: 0, before: 0, homeless: 0, lost: 0, cut: 0 }

it('gives the stage again what it was given, once, with all its tries, and does nothing before it again', async () => {
  const seen: string[] = []
  await order('ana', 1, 'apple', 'book', 'bread')
  await run(closed, seen)
  expect(seen.sort()).toEqual(['apple', 'book', 'book again', 'bread', 'bread again'])
  expect([await values('done'), (await lines('dead')).length]).toEqual([['apple'], 2])

  expect(await replayLetters(broker, 'dead', { intoStage: true, max: 1 })).toEqual({ ...none, replayed: 1 })
  expect(await replayLetters(broker, 'dead', { intoStage: true, rate: 1000 })).toEqual({ ...none, replayed: 1, before: 1 })
  expect(await replayLetters(broker, 'dead', { intoStage: true })).toEqual({ ...none, before: 2 })
  seen.length = 0
  await run(name => name === 'book', seen)
  expect(seen.sort()).toEqual(['book', 'book again', 'bread'])
  const bread = (await lines('done')).find(({ value }) => value === 'bread')
  expect(bread).toMatchObject({
    key: 'ana',
    timestamp: '1970-01-01T00:00:07.000Z',
    headers: [
      ['trace', 't'],
      ['__riacho.replayed-from', expect.stringMatching(/^dead/)],
    ],
  })

  // What fails again is a letter again, of the same original.
  const shown: Record<string, unknown>[] = []
  await showLetters(broker, 'dead', {}, async line => void shown.push(JSON.parse(line) as Record<string, unknown>))
  expect(shown.at(-1)).toMatchObject({
    topic: 'orders',
    partition: 1,
    offset: 0,
    attempts: 2,
    replayed: false,
    value: '{"items":["apple","book","bread"]}',
  })
  expect(await replayLetters(broker, 'dead', { intoStage: true })).toEqual({ ...none, replayed: 1, before: 2 })
  await run(() => false, seen)
  expect(await values('done')).toEqual(['apple', 'book', 'bread'])
  expect(await lines('orders')).toHaveLength(1)
})

it('leaves letters of stages without retry topics, and of stages that are gone', async () => {
  await order('ana', 0, 'book')
  await run(closed, [], false)
  expect(await replayLetters(broker, 'dead', { intoStage: true })).toEqual({ ...none, homeless: 1 })
  await order('bia', 0, 'bread')
  await run(closed, [])
  const other = await embedded()
  await other.admin.createTopics([{ name: 'dead', partitions: 1 }])
  const producer = await other.producer({})
  for (const slice of await letters()) producer.partition({ topic: 'dead', partition: 0 }).append(0, slice.key, slice.value, slice.headers)
  await producer.flush()
  await producer.close()
  expect(await replayLetters(other, 'dead', { intoStage: true })).toEqual({ ...none, homeless: 1, lost: 1 })
  await other.close()
})

/** The dead letters as they stand in their topic. */
async function letters() {
  const all = await lines('dead')
  return all.map(({ key, value, headers }) => ({ key, value, headers: headers.map(([name, text]) => [name, Buffer.from(text)] as const) }))
}
