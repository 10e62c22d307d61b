import { distinct, json, mapAsync, text, to, topic, topology } from '@riacho/streams'
import type { Headers } from '@riacho/streams/engine'
import { testDriver } from '@riacho/testing'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { allRestarts, played } from './restarts.fixture.ts'

interface Event {
  readonly id: string
  readonly n: number
}

const idOf = (event: Event, { headers }: { readonly headers: Headers }): string =>
  headers.find(([name]) => name === 'id')?.[1]?.toString() ?? event.id

/** An inbox before a stage that fails first tries of odd events, which wait in a retry topic. */
const plan = topology(
  'inbox-app',
  topic('in', { key: text, value: json<Event>() }).pipe(
    distinct('inbox', idOf, { within: 1000 }),
    mapAsync(
      async (event: Event, { headers }) => {
        if (event.n % 2 === 1 && !headers.some(([name]) => name === 'RetryCount')) throw new Error('not yet')
        return event.id
      },
      { retry: { retriesMax: 1, topics: { name: 'later', delays: [10] } }, breaker: false },
    ),
    to('out', { value: text }),
  ),
)
const seed = Number(process.env.RIACHO_SEED ?? Math.floor(Math.random() * 2 ** 31))

it(`what is sent twice counts once, also what waited in between, however the application fares (RIACHO_SEED=${seed})`, async () => {
  const sent = fc.record({ n: fc.nat(5), wait: fc.nat(20) })
  const property = fc.asyncProperty(fc.array(sent, { minLength: 1, maxLength: 15 }), async given => {
    const last = [{ n: 100, wait: 100 }]
    const input = [...given, ...last].map(({ n, wait }, i) => ({
      topic: 'in',
      key: `k${n % 2}`,
      value: JSON.stringify({ id: `e${n}`, n }),
      wait,
      at: i,
    }))
    const wanted = [...new Set([...given, ...last].map(({ n }) => `e${n}`))].sort()
    for (const restarts of allRestarts)
      expect((await played(plan, input, restarts)).map(({ value }) => String(value)).sort(), restarts).toEqual(wanted)
  })
  await fc.assert(property, { seed, numRuns: 30 })
})

it('an identity may stand in a header', async () => {
  const driver = await testDriver(plan)
  for (const id of ['a', 'b', 'a'])
    await driver.pipe('in', {
      key: Buffer.from('k'),
      value: Buffer.from(JSON.stringify({ id: 'same', n: 0 })),
      timestamp: 0,
      headers: [['id', Buffer.from(id)]],
    })
  expect(driver.sent().filter(({ topic: name }) => name === 'out')).toHaveLength(2)
  await driver.close()
})
