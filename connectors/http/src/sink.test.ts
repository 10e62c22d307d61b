import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SinkError, type StreamRecord } from '@riacho/streams'
import { type Held, type SinkFixture, sinkSuite } from '@riacho/testing/suites'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type WebhookOptions, webhook } from './index.ts'

interface Event {
  readonly id: number
  readonly revision: number
  readonly path?: string
}

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const never = new AbortController().signal
const record = (id: number, revision: number, path?: string): StreamRecord<string, Event> => {
  const value = path === undefined ? { id, revision } : { id, revision, path }
  return { key: String(id), value, timestamp: 0, headers: [] }
}

interface Received {
  readonly headers: Record<string, string>
  readonly body: string
}

/** A server that takes what comes to `/`, and answers `/418` with 418. */
class Receiver {
  readonly received: Received[] = []
  readonly server: Server
  answer: (request: IncomingMessage, response: ServerResponse) => void
  port = 0
  /** Requests in work now, and at most. */
  busy = 0
  busiest = 0

  constructor() {
    this.answer = (request, response) => {
      const status = Number(request.url!.slice(1))
      response.writeHead(status || 204, status >= 300 && status < 400 ? { location: '/' } : {}).end()
    }
    this.server = createServer(async (request, response) => {
      this.busiest = Math.max(this.busiest, ++this.busy)
      let body = ''
      for await (const chunk of request) body += String(chunk)
      if (!(Number(request.url!.slice(1)) > 0)) this.received.push({ headers: request.headers as Record<string, string>, body })
      this.busy--
      this.answer(request, response)
    })
  }

  async listen(): Promise<void> {
    this.server.listen(this.port, '127.0.0.1')
    await once(this.server, 'listening')
    this.port = (this.server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    if (this.server.listening) await new Promise(resolve => this.server.close(resolve))
  }

  held(): Held[] {
    return this.received.map(({ body }) => JSON.parse(body) as Event).map(({ id, revision }) => [id, revision])
  }

  options(more: Partial<WebhookOptions<string, Event>> = {}): WebhookOptions<string, Event> {
    return { url: ({ path }) => `http://127.0.0.1:${this.port}/${path ?? ''}`, secret, allowPrivate: true, ...more }
  }
}

const make = async (): Promise<SinkFixture<string, Event>> => {
  const receiver = new Receiver()
  await receiver.listen()
  return {
    sink: webhook(receiver.options()),
    record,
    poison: () => record(99, 1, '410'),
    held: async () => receiver.held(),
    outage: async () => {
      await receiver.close()
      return () => receiver.listen()
    },
    close: () => receiver.close(),
  }
}

sinkSuite(
  {
    name: 'webhook',
    make,
    skip: [
      ...[
        'leaves one result when a batch is written twice',
        'leaves one result when a part of a batch is written before the whole',
        'ends right when older batches are replayed after newer ones',
      ].map(test => ({ test, reason: 'a delivery that is tried again arrives again, with the same id' })),
      { test: 'deletes the row of a null value', reason: 'a null value has no address' },
    ],
  },
  { describe, it, expect },
)

describe('webhook', () => {
  let receiver: Receiver
  beforeEach(async () => {
    receiver = new Receiver()
    await receiver.listen()
  })
  afterEach(() => receiver.close())

  const write = async (options: WebhookOptions<string, Event>, ...records: StreamRecord<string, Event>[]): Promise<void> => {
    const sink = webhook(options)
    await sink.open?.()
    try {
      await sink.write(records, never)
    } finally {
      await sink.close?.()
    }
  }
  const failure = async (work: Promise<void>): Promise<SinkError> => {
    const thrown = await work.then(
      () => undefined,
      error => error,
    )
    expect(thrown).toBeInstanceOf(SinkError)
    return thrown
  }

  it('signs what another implementation of the standard verifies, with each secret', async () => {
    const other = `whsec_${Buffer.alloc(24, 9).toString('base64')}`
    await write(receiver.options({ secret: [secret, other], headers: { 'user-agent': 'orders' } }), record(1, 1))
    const [{ body, headers }] = receiver.received as [Received]
    for (const known of [secret, other]) expect(new Webhook(known).verify(body, headers)).toEqual({ id: 1, revision: 1 })
    expect(() => new Webhook(secret).verify(`${body} `, headers)).toThrow()
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'user-agent': 'orders' })
  })

  it('gives a delivery that is tried again the same id, and others another', async () => {
    await write(receiver.options(), record(1, 1))
    await write(receiver.options(), record(1, 1))
    await write(receiver.options(), record(1, 2))
    const ids = receiver.received.map(({ headers }) => headers['webhook-id'])
    expect(ids[0]).toBe(ids[1])
    expect(ids[2]).not.toBe(ids[0])
    await write(receiver.options({ id: value => `own-${value.id}`, body: value => `<${value.id}>`, contentType: 'text/x' }), record(7, 1))
    expect(receiver.received.at(-1)).toMatchObject({ body: '<7>', headers: { 'webhook-id': 'own-7', 'content-type': 'text/x' } })
  })

  it.each([
    ['500', 'transient'],
    ['503', 'transient'],
    ['408', 'transient'],
    ['409', 'transient'],
    ['425', 'transient'],
    ['429', 'transient'],
    ['400', 'poison'],
    ['404', 'poison'],
    ['410', 'poison'],
    ['302', 'poison'],
  ])('takes the answer %s as %s', async (status, kind) => {
    const error = await failure(write(receiver.options(), record(1, 1), record(2, 1, status), record(3, 1)))
    expect(error).toMatchObject({ kind, message: expect.stringContaining(`answered ${status}`) })
    expect([...error.failures!].map(([index, own]) => [index, own.kind])).toEqual([[1, kind]])
    expect(receiver.held()).toEqual(
      expect.arrayContaining([
        [1, 1],
        [3, 1],
      ]),
    )
  })

  it('says of each record that was not delivered why', async () => {
    const error = await failure(
      write(receiver.options(), record(1, 1, '410'), record(2, 1, '503'), record(3, 1), record(2, 2), record(1, 2)),
    )
    const own = [...error.failures!].sort().map(([index, { kind, untried }]) => [index, kind, untried])
    expect(own).toEqual([
      [0, 'poison', false],
      [1, 'transient', false],
      [3, 'transient', true],
    ])
    expect(receiver.held().sort()).toEqual([
      [1, 2],
      [3, 1],
    ])
  })

  it('gives records of other keys other ids, of whatever kind keys are', async () => {
    const keyed = (key: unknown) => ({ ...record(1, 1), key }) as never
    await write(receiver.options(), keyed({ client: 'a' }), keyed({ client: 'b' }), keyed(['a']), keyed('a'))
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(4)
  })

  it.each([
    ['an id that no header holds', { id: (): string => 'n\u00ba 5\u2116' }],
    ['a body that is neither text nor bytes', { body: (): never => 5 as never, id: (): string => 'a' }],
  ] as const)('does not try again what has %s', async (_, options) => {
    const error = await failure(write(receiver.options(options), record(1, 1)))
    expect(error).toMatchObject({ kind: 'poison' })
    expect(receiver.received).toEqual([])
  })

  it('keeps the order of a key behind a record that waits', async () => {
    await failure(write(receiver.options(), record(1, 1), record(1, 2, '503'), record(1, 3), record(2, 1)))
    expect(receiver.held().sort()).toEqual([
      [1, 1],
      [2, 1],
    ])
  })

  it('has so many requests at once, and no more', async () => {
    receiver.answer = (_, response) => setTimeout(() => response.writeHead(204).end(), 5)
    await write(receiver.options({ requestsMax: 3 }), ...Array.from({ length: 30 }, (_, id) => record(id, 1)))
    expect(receiver.received.length).toBe(30)
    expect(receiver.busiest).toBeLessThanOrEqual(3)
  })

  it('gives up an answer that does not come in time', async () => {
    receiver.answer = () => {}
    expect(await failure(write(receiver.options({ timeout: 50 }), record(1, 1)))).toMatchObject({ kind: 'transient' })
  })

  it('settles soon when it is aborted', async () => {
    receiver.answer = () => {}
    const sink = webhook(receiver.options())
    await sink.open?.()
    const abort = new AbortController()
    const writing = sink.write([record(1, 1), record(1, 2)], abort.signal)
    setTimeout(() => abort.abort(), 20)
    await expect(writing).rejects.toThrow()
    await sink.close?.()
    expect(receiver.held()).toEqual([[1, 1]])
  })

  it('reads no endless answer', async () => {
    let closed = false
    receiver.answer = (_, response) => {
      response.on('close', () => {
        closed = true
      })
      const more = (): void => void (closed || response.write(Buffer.alloc(16 << 10), more))
      response.writeHead(200)
      more()
    }
    await write(receiver.options(), record(1, 1))
    while (!closed) await new Promise(resolve => setTimeout(resolve, 5))
  })

  it.each([
    ['http://example.com/', 'only https'],
    ['ftp://example.com/', 'only https'],
    ['https://127.0.0.1/', 'loopback'],
    ['https://2130706433/', 'loopback'],
    ['https://0x7f.1/', 'loopback'],
    ['https://[::1]/', 'loopback'],
    ['https://[::ffff:10.0.0.1]/', 'private'],
    ['https://[64:ff9b::7f00:1]/', 'not of the public internet'],
    ['https://10.1.2.3/', 'private'],
    ['https://172.16.0.1/', 'private'],
    ['https://192.168.1.1/', 'private'],
    ['https://169.254.169.254/latest/meta-data', 'linkLocal'],
    ['https://100.64.0.1/', 'carrierGradeNat'],
    ['https://[fd00::1]/', 'uniqueLocal'],
    ['https://[fe80::1]/', 'linkLocal'],
    ['https://0.0.0.0/', 'unspecified'],
    ['https://224.0.0.1/', 'multicast'],
    ['https://user:password@example.com/', 'password'],
    ['https://localhost/', 'loopback'],
    ['nowhere', 'Invalid URL'],
  ])('does not call %s', async (url, why) => {
    const error = await failure(write({ url: () => url, secret }, record(1, 1)))
    expect(error).toMatchObject({ kind: 'poison', indexes: [0], message: expect.stringContaining(why) })
  })

  it('dead-letters what has no address', async () => {
    const thrown = (): never => {
      throw new Error('no callback')
    }
    expect(await failure(write({ url: thrown, secret }, record(1, 1)))).toMatchObject({
      kind: 'poison',
      message: expect.stringContaining('no callback'),
    })
    const sink = webhook(receiver.options())
    await sink.open?.()
    await expect(sink.write([{ ...record(1, 1), value: null }], never)).rejects.toMatchObject({ kind: 'poison' })
    await sink.close?.()
  })

  it.each([
    [{ secret: [] }, 'secret'],
    [{ secret: 'password' }, 'openssl'],
    [{ secret: `whsec_${Buffer.alloc(10).toString('base64')}` }, 'openssl'],
    [{ timeout: 0 }, 'timeout'],
    [{ requestsMax: 1.5 }, 'requestsMax'],
    [{ headers: { Host: 'x' } }, 'Host'],
  ])('refuses %j', (more, word) => {
    expect(() => webhook(receiver.options(more))).toThrow(
      expect.objectContaining({ code: 'RIACHO_HTTP_OPTION', message: expect.stringContaining(word) }),
    )
  })
})
