import { once } from 'node:events'
import { access, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { kafka } from '@riacho/kafka'
import { type ConfluentOptions, confluent } from '@riacho/kafka-confluent'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { keepTicket } from '../../../packages/kafka-confluent/src/ticket.ts'
import { type KafkaServer, startKafka } from '../../servers/kafka.ts'
import { type Kdc, type Principal, startKdc } from '../../servers/kdc.ts'
import { node } from '../event-processor.fixture.ts'
import { Events } from './events.ts'
import { killed } from './killed.ts'

const clientFile = fileURLToPath(new URL('kerberos.fixture.ts', import.meta.url))

type Environment = Readonly<Record<string, string>>
type Sasl = Omit<Extract<NonNullable<ConfluentOptions['sasl']>, { mechanism: 'GSSAPI' }>, 'mechanism'>

/** A broker that knows nobody without a ticket, who gives tickets, and somebody who may have them. */
interface Realm {
  readonly kdc: Kdc
  readonly server: KafkaServer
  readonly app: Principal
  readonly options: (sasl: Sasl, connectTimeoutMs?: number) => ConfluentOptions
}

const of = ({ name, keytab }: Principal): Sasl => ({ principal: name, keytab })
const refused = { code: 'SASL_AUTHENTICATION_FAILED', fatal: true, retriable: false }
const unreached = { code: 'NETWORK_EXCEPTION', fatal: false, retriable: true }

/** Confluent's client with Kerberos. */
export function kerberosTests(driver: () => string): void {
  let realm: Realm

  beforeAll(async () => {
    const kdc = await startKdc()
    const app = await kdc.principal('app')
    // The name under which clients know the broker's host.
    const broker = await kdc.principal('kafka/127.0.0.1')
    const properties = { 'group.min.session.timeout.ms': '1000' }
    const server = await startKafka({ properties, kerberos: { ...broker, config: kdc.config } })
    const options = (sasl: Sasl, connectTimeoutMs?: number): ConfluentOptions => {
      return { brokers: [server.kerberos], sasl: { mechanism: 'GSSAPI', ...sasl }, driver: driver(), connectTimeoutMs }
    }
    realm = { kdc, server, app, options }
  }, 180_000)

  afterAll(async () => {
    await realm?.server.stop()
    await realm?.kdc.stop()
  })

  clientTests(() => realm)
  ticketTests(() => realm)

  it('runs an application exactly once, killed with -9 and started again', async () => {
    const { kdc, app, server } = realm
    const environment = {
      ...kdc.environmentOf('of-the-application'),
      RIACHO_CONFLUENT_DRIVER: driver(),
      RIACHO_KAFKA_SECURITY_PROTOCOL: 'SASL_PLAINTEXT',
      RIACHO_KAFKA_SASL_MECHANISM: 'GSSAPI',
      RIACHO_KAFKA_SASL_JAAS_CONFIG: `com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab="${app.keytab}" principal="${app.name}";`,
    }
    const client = { flags: ['--client', 'confluent'], environment }
    const ours = await kafka({ brokers: [server.address] })
    const options = { address: server.kerberos, guarantee: 'exactly-once', client } as const
    const result = await killed(new Events(ours), options, { events: 4000, kills: 1, seed: 1 })
    await ours.close()
    expect(result.differences).toEqual([])
  })
}

/** Clients in processes of their own. */
function clientTests(realm: () => Realm): void {
  let clients = 0
  const client = async (options: ConfluentOptions, environment: Environment = {}, times = 1) => {
    const topic = `kerberos-${++clients}`
    const variables = { ...realm().kdc.environmentOf(topic), ...environment }
    const { code, out, error } = await node(clientFile, [JSON.stringify([options, topic, times])], undefined, variables).ended
    if (code !== 0) throw new Error(`the client ended with ${code}: ${error}`)
    return JSON.parse(out) as unknown
  }

  it.concurrent('comes in with a keytab, and goes on when the time of its authentication is over', async () => {
    const { app, options } = realm()
    expect(await client(options(of(app)), {}, 3)).toEqual({ values: ['0', '1', '2'] })
  })

  it.concurrent('comes in with a ticket that others bring: a user, the library of Kerberos, a command that librdkafka is given', async () => {
    const { kdc, app, options } = realm()
    const ofUser = kdc.environmentOf('of-a-user')
    await kdc.kinit(app, ofUser)
    const command = 'kinit -k -t "%{sasl.kerberos.keytab}" %{sasl.kerberos.principal}'
    const ways = [
      client(options({}), ofUser),
      client(options({}), { KRB5_CLIENT_KTNAME: app.keytab }),
      client({ ...options(of(app)), librdkafka: { 'sasl.kerberos.kinit.cmd': command } }),
    ]
    for (const way of ways) expect(await way).toEqual({ values: ['0'] })
  })

  it.concurrent('says what keeps it out: no ticket, a service that nobody is', async () => {
    const { app, options } = realm()
    const noTicket = client(options({}, 3000))
    const noService = client(options({ ...of(app), serviceName: 'nobody' }, 3000))
    const message = (text: string) => ({ failure: { ...refused, message: expect.stringContaining(text) } })
    expect(await noTicket).toEqual(message('No Kerberos credentials available'))
    expect(await noService).toEqual(message('nobody/127.0.0.1@RIACHO.TEST not found in Kerberos database'))
  })
}

/** What happens before the driver is asked for anything. */
function ticketTests(realm: () => Realm): void {
  const stub = (environment: Environment): void => {
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
  }

  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it('says what keeps a ticket from it: another key, no key, nobody named, no kinit, a KDC that is gone or does not answer', async () => {
    const { kdc, app, options } = realm()
    const stale = await kdc.principal('stale')
    await kdc.forget(stale)
    const mute = createServer()
    await once(mute.listen(0, '127.0.0.1'), 'listening')
    const at = async (port: number) => ({ KRB5_CONFIG: await kdc.configAt(port) })
    const { keytab } = app
    const misconfigured = { code: 'CONFIGURATION', fatal: true }
    const cases = [
      [of(stale), {}, { ...refused, message: expect.stringMatching(/stale@RIACHO.TEST.*kinit: Password incorrect/) }],
      [{ ...of(app), keytab: `${keytab}-none` }, {}, { ...refused, message: expect.stringContaining('kinit: Key table file') }],
      [{ keytab }, {}, { ...misconfigured, message: expect.stringContaining('sasl.principal') }],
      [of(app), { PATH: '' }, { ...misconfigured, message: expect.stringContaining('krb5-user') }],
      [of(app), await at(1), { ...unreached, message: expect.stringContaining('Cannot contact any KDC') }],
      [of(app), await at((mute.address() as AddressInfo).port), { ...unreached, message: expect.stringContaining('1000 ms') }],
    ] as const
    for (const [sasl, environment, failure] of cases) {
      stub({ ...kdc.environmentOf('refused'), ...environment })
      await expect(confluent(options(sasl, 1000))).rejects.toMatchObject(failure)
    }
    mute.close()
  })

  it('brings its ticket again and again until it is told to stop', async () => {
    const { kdc, app } = realm()
    const environment = kdc.environmentOf('kept')
    stub(environment)
    const tickets = environment.KRB5CCNAME!.replace('FILE:', '')
    const stop = await keepTicket({ principal: app.name, keytab: app.keytab }, 5000, 50)
    for (let time = 0; time < 2; time++) {
      await rm(tickets)
      await vi.waitFor(() => access(tickets), 5000)
    }
    stop()
    // One that it was just about to write.
    await sleep(100)
    await rm(tickets, { force: true })
    await sleep(200)
    await expect(access(tickets)).rejects.toMatchObject({ code: 'ENOENT' })
  })
}
