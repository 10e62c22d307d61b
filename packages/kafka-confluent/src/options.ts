import type { Driver, DriverSettings } from './driver.ts'
import { ConfluentError } from './errors.ts'
import type { Identity } from './ticket.ts'

/** Who the client is. Kerberos (`GSSAPI`) needs a driver that was built with libsasl2. */
export type ConfluentSasl =
  | {
      readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
      readonly username: string
      readonly password: string
    }
  | {
      readonly mechanism: 'GSSAPI'
      /** The client's principal, such as `app@EXAMPLE.ORG`, whose key the keytab has. */
      readonly principal?: string | undefined
      /** The file with its key, by which `kinit` brings a ticket again and again; default: the ticket that others brought. */
      readonly keytab?: string | undefined
      /** The brokers' primary. Default `kafka`. */
      readonly serviceName?: string | undefined
    }

/** TLS; keys and certificates as PEM texts. */
export interface ConfluentTls {
  /** Certificates of authorities; default: the system's. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly passphrase?: string
  /** Whether the brokers' certificates are checked. Default true. */
  readonly rejectUnauthorized?: boolean
}

/** Options of {@link confluent}. Times in milliseconds. */
export interface ConfluentOptions {
  /** Some of the cluster's brokers, as `host:port`. */
  readonly brokers?: readonly string[] | undefined
  /** The same in one text with commas, as Kafka's `bootstrap.servers`. */
  readonly bootstrapServers?: string | undefined
  /** The name that the brokers' logs and quotas know. Default `riacho`. */
  readonly clientId?: string | undefined
  /** Default: without TLS. `{}` for a certificate that the system trusts. */
  readonly tls?: ConfluentTls | undefined
  /** Default: nobody. */
  readonly sasl?: ConfluentSasl | undefined
  /** How producers compress their batches. Default `none`. */
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd' | undefined
  /** Until a broker answers for the first time. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined
  /** Until a call is answered; then it is made again or fails. Default 30,000. */
  readonly requestTimeoutMs?: number | undefined
  /** For how long a call is made again, and a batch sent again, while the failure is one that passes. Default 60,000. */
  readonly retryForMs?: number | undefined
  /** A member of a group that is not heard of for so long is lost. Default 10,000. */
  readonly sessionTimeoutMs?: number | undefined
  /** How long a group waits for a member that gives partitions up, which waits for a restore. Default 300,000, as in Kafka (`max.poll.interval.ms`). */
  readonly rebalanceTimeoutMs?: number | undefined
  /** How often a member is heard of, and hears of rebalances. Default 500. */
  readonly heartbeatIntervalMs?: number | undefined
  /** Further settings of librdkafka by their names there, which win over all others. */
  readonly librdkafka?: DriverSettings | undefined
  /** The folder of the driver; default: the environment variable `RIACHO_CONFLUENT_DRIVER`, else the package `@confluentinc/kafka-javascript`. */
  readonly driver?: string | undefined
}

/** {@link ConfluentOptions}, checked and complete. */
export interface ConfluentSettings {
  /** What every client of the driver gets. */
  readonly client: DriverSettings
  /** What a member of a group gets beside. */
  readonly member: DriverSettings
  readonly compression: string
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly retryForMs: number
  /** Who needs a ticket of Kerberos that nobody else brings. */
  readonly identity: Identity | undefined
  /** What the application sets itself. */
  readonly last: DriverSettings
}

const numbers = {
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  retryForMs: 60_000,
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 300_000,
  heartbeatIntervalMs: 500,
} as const
const dayMs = 86_400_000
const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'GSSAPI']

/** Throws CONFIGURATION, which says what is wrong and what is allowed. */
export function checked(options: ConfluentOptions): ConfluentSettings {
  const { brokers = [], bootstrapServers = '', clientId = 'riacho', compression = 'none', tls, sasl, librdkafka = {} } = options
  const names = [...brokers, ...bootstrapServers.split(',')].map(name => name.trim()).filter(name => name !== '')
  if (names.length === 0) throw wrong('no broker is named: give `brokers`, such as ["localhost:9092"]')
  for (const name of names)
    if (!/^\S+:\d{1,5}$/.test(name)) throw wrong(`${JSON.stringify(name)} is no broker: give host:port, such as localhost:9092`)
  if (!codecs.includes(compression)) throw wrong(`compression is ${JSON.stringify(compression)}: give one of ${codecs.join(', ')}`)
  if (sasl !== undefined && !mechanisms.includes(sasl.mechanism))
    throw wrong(`sasl.mechanism is ${JSON.stringify(sasl.mechanism)}: give one of ${mechanisms.join(', ')}, or others by \`librdkafka\``)
  const time = (name: keyof typeof numbers): number => {
    const value = options[name] ?? numbers[name]
    if (Number.isInteger(value) && value > 0 && value <= dayMs) return value
    throw wrong(`${name} is ${value}: give a whole number of milliseconds from 1 to ${dayMs}`)
  }
  const sessionTimeoutMs = time('sessionTimeoutMs')
  return {
    client: {
      'bootstrap.servers': names.join(),
      'client.id': clientId,
      'socket.connection.setup.timeout.ms': Math.max(1000, time('connectTimeoutMs')),
      ...securityOf(tls, sasl, keytabFile in librdkafka),
    },
    member: {
      'session.timeout.ms': sessionTimeoutMs,
      'max.poll.interval.ms': Math.max(time('rebalanceTimeoutMs'), sessionTimeoutMs),
      'heartbeat.interval.ms': time('heartbeatIntervalMs'),
    },
    compression,
    connectTimeoutMs: time('connectTimeoutMs'),
    requestTimeoutMs: time('requestTimeoutMs'),
    retryForMs: time('retryForMs'),
    identity: kinitCommand in librdkafka ? undefined : kerberosOf(sasl),
    last: librdkafka,
  }
}

/** Throws CONFIGURATION when the driver was built without something that is asked for. */
export function needFeatures({ features }: Pick<Driver, 'features'>, { sasl, compression }: ConfluentOptions): void {
  const need = (feature: string, library: string, what: string) => {
    if (!features.includes(feature))
      throw wrong(`${what} is not in this build of the driver: install ${library} (Debian: ${library}-dev) and build it again`)
  }
  if (sasl?.mechanism === 'GSSAPI') need('sasl_gssapi', 'libsasl2', 'Kerberos')
  if (compression === 'zstd') need('zstd', 'libzstd', 'compression with zstd')
}

/** `ticketsLeft`: librdkafka was given the key itself, and so cares for tickets. */
function securityOf(tls: ConfluentTls | undefined, sasl: ConfluentSasl | undefined, ticketsLeft: boolean): DriverSettings {
  if (tls === undefined && sasl === undefined) return {}
  const settings: Record<string, unknown> = {
    'security.protocol': sasl === undefined ? 'ssl' : tls === undefined ? 'sasl_plaintext' : 'sasl_ssl',
    'ssl.ca.pem': tls?.ca,
    'ssl.certificate.pem': tls?.cert,
    'ssl.key.pem': tls?.key,
    'ssl.key.password': tls?.passphrase,
    'enable.ssl.certificate.verification': tls?.rejectUnauthorized,
    'sasl.mechanism': sasl?.mechanism,
    ...(sasl === undefined ? {} : identityOf(sasl, ticketsLeft)),
  }
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
}

const kinitCommand = 'sasl.kerberos.kinit.cmd'
const keytabFile = 'sasl.kerberos.keytab'

function kerberosOf(sasl: ConfluentSasl | undefined): Identity | undefined {
  if (sasl?.mechanism !== 'GSSAPI' || sasl.keytab === undefined) return undefined
  const { principal, keytab } = sasl
  if (principal !== undefined) return { principal, keytab }
  throw wrong(`sasl.keytab is ${JSON.stringify(keytab)}, and nobody is named: give sasl.principal, such as app@EXAMPLE.ORG`)
}

const identityOf = (sasl: ConfluentSasl, ticketsLeft: boolean): DriverSettings =>
  sasl.mechanism === 'GSSAPI'
    ? {
        'sasl.kerberos.principal': sasl.principal,
        'sasl.kerberos.service.name': sasl.serviceName ?? 'kafka',
        [keytabFile]: sasl.keytab,
        // Nothing: tickets are kept here, or brought by others. Windows knows its user without.
        [kinitCommand]: ticketsLeft || process.platform === 'win32' ? undefined : 'true',
      }
    : { 'sasl.username': sasl.username, 'sasl.password': sasl.password }

const wrong = (message: string): ConfluentError => new ConfluentError('CONFIGURATION', message, { fatal: true })
