import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clusterOf, kafkaVariableOf } from './cluster.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'riacho-cluster-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const fileOf = (name: string, ...lines: readonly string[]): string => {
  const path = join(folder, name)
  writeFileSync(path, lines.join('\n'))
  return path
}
const pem = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n'
/** The password is p"\\=w: JAAS escapes it, and a properties file that. */
const plain =
  'sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="ana" password="p\\\\"\\\\\\\\=w";'
const secured = ['security.protocol=SASL_SSL', 'sasl.mechanism=PLAIN']
const given = (...lines: readonly string[]) => clusterOf({ bootstrapServers: 'a:1', commandConfig: fileOf('client.properties', ...lines) })

describe('a cluster', () => {
  it('is none when nobody names one, and needs no more than its servers', () => {
    expect(clusterOf({})).toBeUndefined()
    expect(clusterOf({ bootstrapServers: 'a:1' })).toMatchObject({ bootstrapServers: 'a:1', tls: undefined, sasl: undefined, warnings: [] })
    expect(given('bootstrap.servers=b:2')!.bootstrapServers).toBe('a:1')
    expect(clusterOf({ commandConfig: fileOf('servers.properties', 'bootstrap.servers=b:2') })!.bootstrapServers).toBe('b:2')
  })

  it('is described as for Kafka’s own tools', () => {
    const ca = fileOf('ca.pem', pem)
    const own = fileOf('own.pem', pem)
    const cluster = given(
      ...secured,
      plain,
      'ssl.truststore.type=PEM',
      `ssl.truststore.location=${ca}`,
      `ssl.keystore.location=${own}`,
      'ssl.key.password=k',
      'client.id=me',
      'compression.type=lz4',
      'session.timeout.ms=1200',
      'max.poll.interval.ms=9000',
      'group.instance.id=first',
    )
    expect(cluster).toMatchObject({
      tls: { ca: pem, cert: pem, key: pem, passphrase: 'k' },
      sasl: { mechanism: 'PLAIN', username: 'ana', password: 'p"\\=w' },
      clientId: 'me',
      compression: 'lz4',
      sessionTimeoutMs: 1200,
      heartbeatIntervalMs: 400,
      maxPollIntervalMs: 9000,
      rebalanceTimeoutMs: 9000,
      instanceId: 'first',
      warnings: [],
    })
    expect(cluster!.tls).not.toHaveProperty('checkServerIdentity')
  })

  it('takes the environment over the file', () => {
    const environment = {
      RIACHO_KAFKA_SASL_USERNAME: 'caio',
      RIACHO_KAFKA_SASL_PASSWORD: 'from the environment',
      [kafkaVariableOf('security.protocol')]: 'SASL_PLAINTEXT',
    }
    const cluster = clusterOf({ bootstrapServers: 'a:1', commandConfig: fileOf('both.properties', ...secured, plain), environment })
    expect(cluster).toMatchObject({ tls: undefined, sasl: { username: 'caio', password: 'from the environment' } })
  })

  it('reads a token anew at each connection', async () => {
    const path = fileOf('token', 'one\n')
    const cluster = given('security.protocol=SASL_SSL', 'sasl.mechanism=OAUTHBEARER', `sasl.oauthbearer.token.endpoint.url=file://${path}`)
    const { token } = cluster!.sasl as { token: () => string }
    expect(token()).toBe('one')
    fileOf('token', 'two')
    expect(token()).toBe('two')
  })

  it('warns of what is not used, and of what weakens', () => {
    expect(given('security.protocol=SSL', 'ssl.endpoint.identification.algorithm=', 'key.deserializer=x')!.warnings).toEqual([
      expect.stringContaining('key.deserializer'),
      expect.stringContaining('ssl.endpoint.identification.algorithm'),
    ])
  })

  it.each([
    [['security.protocol=TLS'], 'security.protocol is "TLS": give PLAINTEXT, SSL'],
    [['security.protocol=SASL_SSL'], 'sasl.mechanism is missing'],
    [[...secured], 'sasl.jaas.config gives no username'],
    [[...secured, 'sasl.jaas.config=secret'], 'sasl.jaas.config cannot be read'],
    [['ssl.trustore.location=x'], 'ssl.trustore.location'],
    [['security.protocol=SSL', 'ssl.truststore.type=JKS'], 'give PEM'],
    [['security.protocol=SSL', 'ssl.truststore.location=/nowhere'], '/nowhere cannot be read'],
    [['security.protocol=SSL', 'ssl.truststore.location=BINARY'], 'is no PEM file'],
    [['security.protocol=SASL_SSL', 'sasl.mechanism=OAUTHBEARER'], 'names no file'],
    [['session.timeout.ms=soon'], 'session.timeout.ms is "soon"'],
    [['compression.type=best'], 'compression.type is "best"'],
  ])('refuses %j', (lines, message) => {
    const binary = fileOf('store.jks', '\u00fe\u00ed')
    expect(() => given(...lines.map(line => line.replace('BINARY', binary)))).toThrow(
      expect.objectContaining({ message: expect.stringContaining(message) }),
    )
  })

  it('never repeats a password in what it says', () => {
    expect(() => given(...secured, 'sasl.jaas.config=PlainLoginModule required password="secret" oops')).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('secret') }),
    )
  })

  it('has no servers: that is an error', () => {
    expect(() => clusterOf({ commandConfig: fileOf('none.properties', ...secured, plain) })).toThrow('bootstrap.servers is missing')
  })
})
