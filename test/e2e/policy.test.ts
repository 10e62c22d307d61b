import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as textOf } from 'node:stream/consumers'
import { embedded } from '@riacho/embedded'
import { app } from '@riacho/runtime'
import { mapAsync, SinkError, text, to, topic, topology } from '@riacho/streams'
import { type Broker, readDeadLetter } from '@riacho/streams/engine'
import { afterEach, expect, it } from 'vitest'
import { read, write } from '../../packages/runtime/src/trial.fixture.ts'

/** A try as the server saw it. */
interface Seen {
  readonly value: string
  readonly at: number
  readonly count: string | undefined
}

let server: Server
let brokers: Broker[] = []
afterEach(() => {
  server.closeAllConnections()
  server.close()
  brokers = []
})

/** A server that answers what `status` says of a value and its tries so far. */
async function serve(status: (value: string, tries: number) => number): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = []
  server = createServer(async (request: IncomingMessage, response) => {
    const value = await textOf(request)
    const tries = seen.filter(each => each.value === value).length
    seen.push({ value, at: performance.now(), count: request.headers['retry-count'] as string | undefined })
    response.statusCode = status(value, tries)
    response.end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

/** Posts each value, and hands it on when the server took it. */
const post = (url: string, breaker?: { failures: number; pause: { min: number; max: number } }) =>
  topology(
    'posted',
    topic('in', { key: text, value: text }).pipe(
      mapAsync(
        async (value, { headers }, signal) => {
          const count = headers.find(([name]) => name === 'RetryCount')?.[1]
          const answer = await fetch(url, {
            method: 'POST',
            body: value,
            signal,
            headers: count ? { 'retry-count': String(count) } : {},
          }).catch(cause => {
            throw new SinkError('transient', 'no answer', { cause, away: true })
          })
          if (!answer.ok) throw new Error(`the server answered ${answer.status}`)
          return value
        },
        { retry: { retriesMax: 5, backoff: { min: 30, max: 480 } }, onError: { deadLetter: 'dead' }, ...(breaker && { breaker }) },
      ),
      to('out', { key: text, value: text }),
    ),
  )

async function prepared(count: number): Promise<Broker> {
  const broker = await embedded()
  brokers.push(broker)
  await broker.admin.createTopics(['in', 'out', 'dead'].map(name => ({ name, partitions: 1 })))
  await write(
    broker,
    'in',
    ...Array.from({ length: count }, (_, i) => ({
      key: `k${i % 50}`,
      value: String(i),
      at: i,
      headers: [['trace', Buffer.from(`t${i}`)] as const],
    })),
  )
  return broker
}

it.each(['at-least-once', 'exactly-once'] as const)(
  '%s: what always fails is tried exactly six times, with growing pauses, and is a dead letter with its context',
  async guarantee => {
    const kind = (value: string): 'always' | 'sometimes' | 'never' =>
      Number(value) % 100 === 7 ? 'always' : Number(value) % 100 === 3 ? 'sometimes' : 'never'
    const { url, seen } = await serve((value, tries) =>
      kind(value) === 'always' || (kind(value) === 'sometimes' && tries < 3) ? 503 : 200,
    )
    const broker = await prepared(500)
    const running = app(post(url), { broker, guarantee, commitIntervalMs: 100 })
    await running.start()
    await running.untilEnd()
    await running.stop()
    const tries = Map.groupBy(seen, each => each.value)
    for (const [value, each] of tries) {
      expect(each.length, value).toBe({ always: 6, sometimes: 4, never: 1 }[kind(value)])
      expect(each.map(({ count }) => count)).toEqual([undefined, '1', '2', '3', '4', '5'].slice(0, each.length))
    }
    // Each pause is random above the least one, so that their sums grow, not each.
    const always = [...tries.values()].filter(each => each.length === 6)
    const pause = (n: number): number => always.reduce((sum, each) => sum + each[n]!.at - each[n - 1]!.at, 0)
    expect(pause(1) + pause(2)).toBeLessThan(pause(4) + pause(5))
    const dead = await read(broker, 'dead')
    expect(dead.map(({ value }) => value).sort()).toEqual(['107', '207', '307', '407', '7'])
    for (const { key, raw, value, headers } of dead) {
      expect(headers.find(([name]) => name === 'RetryCount')?.[1]?.toString()).toBe('5')
      expect(readDeadLetter(Buffer.from(key!), raw, headers)).toMatchObject({
        code: 'RIACHO_ASYNC',
        reason: 'the server answered 503',
        topic: 'in',
        offset: Number(value),
        attempts: 6,
        original: { headers: [['trace', Buffer.from(`t${value}`)]] },
      })
    }
    const out = await read(broker, 'out')
    const expected = Array.from({ length: 500 }, (_, i) => String(i)).filter(value => kind(value) !== 'always')
    for (let key = 0; key < 50; key++) {
      const own = (values: readonly string[]): readonly string[] => values.filter(value => Number(value) % 50 === key)
      expect(own(out.map(({ value }) => value!))).toEqual(own(expected))
    }
    expect(out.every(({ headers }) => headers.length === 1)).toBe(true)
  },
  60_000,
)

it('a server that is away is left alone: one piece of work looks for it, nothing is given up, and all goes on when it is back', async () => {
  const { url, seen } = await serve(() => 200)
  const { port } = new URL(url)
  const broker = await prepared(300)
  server.close()
  const running = app(post(url, { failures: 5, pause: { min: 50, max: 200 } }), {
    broker,
    commitIntervalMs: 200,
    limits: { commitDrainMs: 300 },
  })
  await running.start()
  await expect.poll(() => running.metrics().recoveries, { timeout: 20_000 }).toBeGreaterThan(1)
  expect([running.metrics().deadLetters, running.metrics().recordsOut]).toEqual([0, 0])
  const again = server
  again.listen(Number(port), '127.0.0.1')
  await running.untilEnd()
  await running.stop()
  expect([new Set(seen.map(({ value }) => value)).size, (await read(broker, 'out')).length, (await read(broker, 'dead')).length]).toEqual([
    300, 300, 0,
  ])
})
