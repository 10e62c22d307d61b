import { createServer, type Server } from 'node:http'
import type { AppMetrics, State } from '@riacho/runtime'
import { afterEach, describe, expect, it } from 'vitest'
import { type HttpServer, serveHttp } from './http.ts'
import { makeMetrics } from './metrics.ts'

const numbers: AppMetrics = {
  state: 'RUNNING',
  recordsIn: 10,
  recordsOut: 9,
  deadLetters: 1,
  deadLettersByTopic: { 'events-invalid': 1 },
  dropped: { late: 2 },
  commits: 3,
  commitSeconds: 0.5,
  recoveries: 0,
  held: 4,
  bufferedBytes: 5,
  lag: [{ topic: 'events', partition: 1, records: 6 }],
  nodes: { 'events.txt': 10 },
}

/** What the server reads of an application. */
const app = { state: 'RUNNING' as State, unansweredMs: 0, metrics: () => numbers }
const open: (HttpServer | Server)[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

const serve = async (port?: number): Promise<string> => {
  const server = await serveHttp({ app, registry: makeMetrics(app).registry, host: '127.0.0.1', port })
  open.push(server)
  return server.url
}

const occupied = async (): Promise<number> => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  open.push(server)
  return (server.address() as { port: number }).port
}

describe('the HTTP server', () => {
  it('shows the application as metrics, read at each scrape', async () => {
    const url = await serve(0)
    const scrape = async (): Promise<string> => (await fetch(`${url}/metrics`)).text()
    await scrape()
    const lines = (await scrape()).split('\n')
    expect(lines).toEqual(
      expect.arrayContaining([
        'riacho_records_in_total 10',
        'riacho_records_out_total 9',
        'riacho_dead_letters_total{topic="events-invalid"} 1',
        'riacho_dropped_records_total{reason="late"} 2',
        'riacho_node_records_total{node="events.txt"} 10',
        'riacho_lag_records{topic="events",partition="1"} 6',
        'riacho_held_records 4',
        'riacho_buffered_bytes 5',
        'riacho_state{state="RUNNING"} 1',
        'riacho_state{state="ERROR"} 0',
        'riacho_commit_duration_seconds_count 0',
      ]),
    )
  })

  it('counts commits by duration', async () => {
    const metrics = makeMetrics(app)
    metrics.committed(0.02)
    expect(await metrics.registry.metrics()).toContain('riacho_commit_duration_seconds_bucket{le="0.025"} 1')
  })

  it.each<[State, number, number]>([
    ['CREATED', 200, 503],
    ['REBALANCING', 200, 503],
    ['RUNNING', 200, 200],
    ['PENDING_SHUTDOWN', 200, 503],
    ['ERROR', 503, 503],
  ])('tells health in state %s', async (state, live, ready) => {
    const server = await serveHttp({ app: { state, unansweredMs: 0 }, registry: makeMetrics(app).registry, host: '127.0.0.1', port: 0 })
    open.push(server)
    expect((await fetch(`${server.url}/health/live`)).status).toBe(live)
    const answer = await fetch(`${server.url}/health/ready`)
    expect(answer.status).toBe(ready)
    expect(await answer.json()).toMatchObject({ ready: ready === 200, state, reasons: ready === 200 ? [] : [expect.any(String)] })
  })

  it('is not ready while the broker does not answer', async () => {
    const away = { state: 'RUNNING' as State, unansweredMs: 61_000 }
    const server = await serveHttp({ app: away, registry: makeMetrics(app).registry, host: '127.0.0.1', port: 0 })
    open.push(server)
    expect((await fetch(`${server.url}/health/live`)).status).toBe(200)
    const answer = await fetch(`${server.url}/health/ready`)
    expect([answer.status, await answer.json()]).toMatchObject([503, { ready: false, reasons: ['the broker has not answered for 61 s'] }])
  })

  it('takes the next free port unless one is asked for', async () => {
    const [first, second] = [await serve(), await serve()]
    expect(Number(new URL(second).port)).toBeGreaterThan(Number(new URL(first).port))
    expect((await fetch(`${second}/health/live`)).status).toBe(200)
  })

  it('refuses a port that was asked for and is taken', async () => {
    const port = await occupied()
    await expect(serve(port)).rejects.toMatchObject({ code: 'RIACHO_PORT_IN_USE', message: expect.stringContaining(String(port)) })
  })

  it('refuses an address that this machine does not have', async () => {
    await expect(serveHttp({ app, registry: makeMetrics(app).registry, host: '192.0.2.1', port: 0 })).rejects.toMatchObject({
      code: 'RIACHO_HTTP',
    })
  })
})
