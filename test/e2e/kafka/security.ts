import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type KafkaOptions, kafka } from '@riacho/kafka'
import { expect, it } from 'vitest'
import type { KafkaServer } from '../../servers/kafka.ts'
import { credentials, selfSigned, startTls } from '../../servers/security.ts'
import { readAll, rejection } from './reading.ts'

const encoded = (of: object): string => Buffer.from(JSON.stringify(of)).toString('base64url')
/** A token that nobody signed. */
const tokenOf = (lifetime: number): string => {
  const now = Math.floor(Date.now() / 1000)
  return `${encoded({ alg: 'none' })}.${encoded({ sub: 'davi', iat: now, exp: now + lifetime })}.`
}

const sasl = {
  PLAIN: { mechanism: 'PLAIN', ...credentials.PLAIN },
  'SCRAM-SHA-256': { mechanism: 'SCRAM-SHA-256', ...credentials['SCRAM-SHA-256'] },
  'SCRAM-SHA-512': { mechanism: 'SCRAM-SHA-512', ...credentials['SCRAM-SHA-512'] },
  OAUTHBEARER: { mechanism: 'OAUTHBEARER', token: async () => tokenOf(3600) },
} as const satisfies Record<string, KafkaOptions['sasl']>

type Topics = () => Promise<string>
type Secured = (more: Partial<KafkaOptions>) => ReturnType<typeof kafka>

/** TLS and SASL. */
export function securityTests(server: () => KafkaServer, newTopic: Topics): void {
  const secured = (more: Partial<KafkaOptions>) =>
    kafka({ brokers: [server().secure.sasl], tls: { ca: server().secure.certificate }, retryForMs: 5_000, ...more })
  acceptedTests(server, secured, newTopic)
  refusedTests(server, secured)
}

async function writeAndRead(newTopic: Topics, options: Promise<Awaited<ReturnType<typeof kafka>>>, pause = 0): Promise<void> {
  const to = { topic: await newTopic(), partition: 0 }
  const broker = await options
  const producer = await broker.producer({})
  const sent: string[] = []
  for (let i = 0; i < 3; i++) {
    sent.push(`${i}${'x'.repeat(100_000)}`)
    producer.partition(to).append(Date.now(), null, sent[i]!)
    await producer.flush()
    await new Promise(resolve => setTimeout(resolve, pause))
  }
  expect((await readAll(broker, to, sent.length)).values).toEqual(sent)
  await broker.close()
}

function acceptedTests(server: () => KafkaServer, secured: Secured, newTopic: Topics): void {
  it('reads and writes with TLS', () => writeAndRead(newTopic, secured({ brokers: [server().secure.tls] })))

  it.each(Object.entries(sasl))('reads and writes with %s', (_, of) => writeAndRead(newTopic, secured({ sasl: of })))

  it(
    'goes on when the time of its authentication is over',
    () => writeAndRead(newTopic, secured({ sasl: sasl['SCRAM-SHA-256'] }), 2_500),
    30_000,
  )

  it('goes on after it was silent for longer than its authentication holds', async () => {
    const to = { topic: await newTopic(), partition: 0 }
    const broker = await secured({ sasl: sasl.OAUTHBEARER, retryForMs: 1 })
    for (let round = 0; round < 2; round++) {
      // Nothing is tried a second time: no request may meet a connection that the broker knows no more.
      expect(await broker.admin.offsets([to])).toHaveLength(1)
      await new Promise(resolve => setTimeout(resolve, 2_500))
    }
    expect(await broker.admin.offsets([to])).toHaveLength(1)
    await broker.close()
  }, 30_000)
}

function refusedTests(server: () => KafkaServer, secured: Secured): void {
  it.each([
    ['a wrong password', { mechanism: 'PLAIN', username: 'ana', password: 'x' }],
    ['a wrong password', { mechanism: 'SCRAM-SHA-512', username: 'caio', password: 'x' }],
    ['a user that is not there', { mechanism: 'SCRAM-SHA-256', username: 'nobody,=', password: 'x' }],
    ['a token that is over', { mechanism: 'OAUTHBEARER', token: () => tokenOf(-60) }],
  ] as const)('is told at once of %s', async (_, of) => {
    const failure = await rejection(secured({ sasl: of }))
    expect(failure).toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED', fatal: true, retriable: false })
    expect(failure.message).toMatch(/`sasl(?:\.token)?`/)
    expect(failure.message).not.toContain('password: x')
  })

  it('is told what is wrong when one side wants TLS and the other does not', async () => {
    const plain = await rejection(kafka({ brokers: [server().secure.tls], requestTimeoutMs: 3_000 }))
    expect(plain.message).toContain('TLS')
    expect(await rejection(secured({ brokers: [server().address], connectTimeoutMs: 3_000 }))).toMatchObject({ code: 'NETWORK_EXCEPTION' })
    const untrusted = await rejection(secured({ tls: {}, sasl: sasl.PLAIN }))
    expect(untrusted).toMatchObject({ code: 'SSL_AUTHENTICATION_FAILED', fatal: true, message: expect.stringContaining('`tls.ca`') })
  })

  it.each([
    ['is over', '-9d', 'renew it at the broker'],
    ['has not begun', '+9d', 'compare the clocks'],
  ])('is told that the time of a certificate %s', async (_, startDate, what) => {
    const directory = await mkdtemp(join(tmpdir(), 'riacho-tls-'))
    const ca = await selfSigned(directory, startDate)
    const tls = await startTls(directory)
    const failure = await rejection(secured({ brokers: [`127.0.0.1:${tls.port}`], tls: { ca } }))
    expect(failure).toMatchObject({ code: 'SSL_AUTHENTICATION_FAILED', fatal: true, retriable: false })
    expect(failure.message).toContain(what)
    tls.stop()
    await rm(directory, { recursive: true })
  })

  it('is told the names under which it could know the broker, when its own is none of them', async () => {
    const checked = { ca: server().secure.certificate, servername: 'kafka.example' }
    const failure = await rejection(secured({ tls: checked, sasl: sasl.PLAIN }))
    expect(failure).toMatchObject({ code: 'SSL_AUTHENTICATION_FAILED', fatal: true })
    expect(failure.message).toMatch(/localhost.*`tls\.servername`/)
  })
}
