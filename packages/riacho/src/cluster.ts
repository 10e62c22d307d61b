import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { KafkaOptions } from '@riacho/kafka'
import { reasonOf } from '@riacho/streams/engine'
import { failure } from './errors.ts'
import { parseProperties } from './properties.ts'

/** Kafka's names of what a client is told, and the words for what is allowed. */
const known = {
  'bootstrap.servers': 'host:port, several separated by commas',
  'client.id': 'a name for logs and quotas',
  'compression.type': 'none, gzip, snappy, lz4 or zstd',
  'security.protocol': 'PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL',
  'sasl.mechanism': 'PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, or GSSAPI with --client confluent',
  'sasl.kerberos.service.name': "the brokers' primary",
  'sasl.jaas.config': 'as Java has it: org.apache.kafka.common.security.plain.PlainLoginModule required username="…" password="…";',
  'sasl.username': 'instead of sasl.jaas.config',
  'sasl.password': 'instead of sasl.jaas.config',
  'sasl.oauthbearer.token.endpoint.url': 'file:///… of a token, which is read at each connection',
  'ssl.truststore.type': 'PEM',
  'ssl.truststore.location': 'a PEM file of the authorities that are trusted',
  'ssl.truststore.certificates': 'the same as text',
  'ssl.keystore.type': 'PEM',
  'ssl.keystore.location': 'a PEM file with the private key and certificates of this client',
  'ssl.keystore.key': 'the private key as PEM text',
  'ssl.keystore.certificate.chain': 'the certificates of this client as PEM text',
  'ssl.key.password': 'of the private key',
  'ssl.endpoint.identification.algorithm': 'https, or nothing: then the name in the certificate is not compared',
  'session.timeout.ms': 'milliseconds',
  'heartbeat.interval.ms': 'milliseconds',
  'max.poll.interval.ms':
    'milliseconds for which the application may stand still, and the group waits for a member that gives partitions up',
  'group.instance.id': 'the name of this member, the same after a restart: then nothing moves if it is back within the session',
  'request.timeout.ms': 'milliseconds',
  'default.api.timeout.ms': 'milliseconds for which a call is tried again',
} as const

type Name = keyof typeof known
type Properties = Partial<Record<Name, string>>

/** A Kafka name in the environment: `sasl.password` is `RIACHO_KAFKA_SASL_PASSWORD`. */
export const kafkaVariableOf = (name: string): string => `RIACHO_KAFKA_${name.replaceAll('.', '_').toUpperCase()}`

/** Where to find what a client is told. */
export interface ClusterOrigins {
  /** Stronger than `bootstrap.servers`. */
  readonly bootstrapServers?: string | undefined
  /** A file of Java's properties, as Kafka's own tools take by `--command-config`. */
  readonly commandConfig?: string | undefined
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
}

/** How a cluster is reached. */
export interface Cluster extends KafkaOptions {
  readonly bootstrapServers: string
  /** Instead of `sasl`, for Kerberos: only Confluent's client has it. */
  readonly kerberos?:
    | { readonly principal?: string | undefined; readonly keytab?: string | undefined; readonly serviceName?: string | undefined }
    | undefined
  /** What is worth a warning: a setting that is not used, or that weakens what protects. */
  readonly warnings: readonly string[]
}

/**
 * What to connect to and how, or undefined when nobody names a cluster. The environment is stronger than the file. Throws `RIACHO_SETTING` for what is not allowed, and
 * for settings of security that are not known: who writes one relies on it.
 */
export function clusterOf({ bootstrapServers, commandConfig, environment = {} }: ClusterOrigins): Cluster | undefined {
  const warnings: string[] = []
  const from = properties(commandConfig, environment, warnings)
  const servers = bootstrapServers ?? from['bootstrap.servers']
  if (servers === undefined) {
    if (Object.keys(from).length === 0 && commandConfig === undefined) return undefined
    throw wrong('bootstrap.servers', 'is missing, though other settings of a cluster are there: name its servers with -b')
  }
  const protocol = oneOf(from, 'security.protocol', ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const) ?? 'PLAINTEXT'
  const number = (name: Name): number | undefined => milliseconds(from, name)
  const sessionTimeoutMs = number('session.timeout.ms')
  const heartbeat = number('heartbeat.interval.ms')
  return {
    bootstrapServers: servers,
    clientId: from['client.id'],
    compression: oneOf(from, 'compression.type', ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const),
    tls: protocol.endsWith('SSL') ? tlsOf(from, warnings) : undefined,
    ...(protocol.startsWith('SASL') ? identityOf(from) : { sasl: undefined }),
    sessionTimeoutMs,
    heartbeatIntervalMs: heartbeat ?? (sessionTimeoutMs && Math.min(500, Math.floor(sessionTimeoutMs / 3))),
    rebalanceTimeoutMs: number('max.poll.interval.ms'),
    maxPollIntervalMs: number('max.poll.interval.ms'),
    instanceId: from['group.instance.id'],
    requestTimeoutMs: number('request.timeout.ms'),
    retryForMs: number('default.api.timeout.ms'),
    warnings,
  }
}

function properties(path: string | undefined, environment: Readonly<Record<string, string | undefined>>, warnings: string[]): Properties {
  const found: Properties = {}
  for (const [name, value] of path === undefined ? [] : parseProperties(textOf(path, 'commandConfig'))) {
    if (name in known) found[name as Name] = value.trim()
    else if (/^(ssl|sasl|security)\./.test(name)) throw wrong(name, `in ${path} is not known: there are ${securityNames.join(', ')}`)
    else warnings.push(`${name} in ${path} is not used`)
  }
  for (const name of Object.keys(known) as Name[]) {
    const value = environment[kafkaVariableOf(name)]
    if (value !== undefined && value !== '') found[name] = value
  }
  return found
}

const securityNames = Object.keys(known).filter(name => /^(ssl|sasl|security)\./.test(name))

function tlsOf(from: Properties, warnings: string[]): NonNullable<KafkaOptions['tls']> {
  for (const name of ['ssl.truststore.type', 'ssl.keystore.type'] as const) oneOf(from, name, ['PEM'] as const)
  const trusted = from['ssl.truststore.certificates'] ?? pemOf(from, 'ssl.truststore')
  const own = pemOf(from, 'ssl.keystore')
  const [cert, key] = [from['ssl.keystore.certificate.chain'] ?? own, from['ssl.keystore.key'] ?? own]
  const named = (from['ssl.endpoint.identification.algorithm'] ?? 'https').toLowerCase()
  if (named !== 'https' && named !== '') throw wrong('ssl.endpoint.identification.algorithm', `is ${JSON.stringify(named)}: give https`)
  if (named === '')
    warnings.push('ssl.endpoint.identification.algorithm is empty: whoever has any trusted certificate can pretend to be a broker')
  return {
    ...(trusted !== undefined && { ca: trusted }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(from['ssl.key.password'] !== undefined && { passphrase: from['ssl.key.password'] }),
    ...(named === '' && { checkServerIdentity: () => undefined }),
  }
}

/** The PEM file of a store. Java's own forms are for Java. */
function pemOf(from: Properties, store: 'ssl.truststore' | 'ssl.keystore'): string | undefined {
  const path = from[`${store}.location`]
  if (path === undefined) return undefined
  const text = textOf(path, `${store}.location`)
  if (text.includes('-----BEGIN ')) return text
  throw wrong(
    `${store}.location`,
    `names ${path}, which is no PEM file: openssl pkcs12 -in STORE.p12 -nodes -out STORE.pem makes one, a JKS file first becomes STORE.p12 by keytool -importkeystore -deststoretype PKCS12`,
  )
}

function identityOf(from: Properties): Pick<Cluster, 'sasl' | 'kerberos'> {
  if (from['sasl.mechanism'] !== 'GSSAPI') return { sasl: saslOf(from) }
  const { principal, keyTab: keytab } = from['sasl.jaas.config'] === undefined ? {} : loginOf(from['sasl.jaas.config'])
  return { kerberos: { principal, keytab, serviceName: from['sasl.kerberos.service.name'] } }
}

function saslOf(from: Properties): NonNullable<KafkaOptions['sasl']> {
  const mechanism = oneOf(from, 'sasl.mechanism', ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const)
  if (mechanism === undefined) throw wrong('sasl.mechanism', `is missing: give ${known['sasl.mechanism']}`)
  if (mechanism === 'OAUTHBEARER') {
    const url = from['sasl.oauthbearer.token.endpoint.url'] ?? ''
    if (!url.startsWith('file:'))
      throw wrong(
        'sasl.oauthbearer.token.endpoint.url',
        'names no file: give file:///… of a token; what else gives tokens needs kafka({ sasl: { token } }) in a program',
      )
    return { mechanism, token: () => textOf(fileURLToPath(url), 'sasl.oauthbearer.token.endpoint.url').trim() }
  }
  const jaas = from['sasl.jaas.config'] === undefined ? {} : loginOf(from['sasl.jaas.config'])
  const username = from['sasl.username'] ?? jaas.username
  const password = from['sasl.password'] ?? jaas.password
  if (username === undefined || password === undefined)
    throw wrong('sasl.jaas.config', `gives no username and password: write ${known['sasl.jaas.config']}`)
  return { mechanism, username, password }
}

/** The options of a login module, as JAAS writes them. What is wrong is not repeated: it holds a password. */
function loginOf(config: string): Readonly<Record<string, string>> {
  const [, options] = /^\s*[\w.$]+\s+required((?:\s+\w+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s";]+))*)\s*;\s*$/s.exec(config) ?? []
  if (options === undefined) throw wrong('sasl.jaas.config', `cannot be read: write ${known['sasl.jaas.config']}`)
  return Object.fromEntries(
    [...options.matchAll(/(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s";]+))/gs)].map(([, name, quoted, bare]) => [
      name,
      quoted?.replace(/\\(.)/gs, '$1') ?? bare,
    ]),
  )
}

function oneOf<const Allowed extends readonly string[]>(from: Properties, name: Name, allowed: Allowed): Allowed[number] | undefined {
  const value = from[name]
  if (value === undefined || allowed.includes(value)) return value
  throw wrong(name, `is ${JSON.stringify(value)}: give ${known[name]}`)
}

function milliseconds(from: Properties, name: Name): number | undefined {
  const value = from[name]
  if (value === undefined || /^[1-9]\d{0,7}$/.test(value)) return value === undefined ? undefined : Number(value)
  throw wrong(name, `is ${JSON.stringify(value)}: give a whole number of milliseconds above 0`)
}

function textOf(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    throw failure(
      'RIACHO_CONFIGURATION_FILE',
      `${name}: ${path} cannot be read (${reasonOf(thrown)}): correct the path or its permissions`,
      thrown,
    )
  }
}

const wrong = (name: string, why: string) => failure('RIACHO_SETTING', `${name} ${why}`)
