import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openBroker } from './broker.ts'
import { clusterOf } from './cluster.ts'
import { confluentOptions } from './confluent.ts'

const given = (...lines: readonly string[]) => {
  const file = join(mkdtempSync(join(tmpdir(), 'riacho-confluent-')), 'client.properties')
  writeFileSync(file, lines.join('\n'))
  return clusterOf({ bootstrapServers: 'a:1', commandConfig: file })!
}

const kerberos = given(
  'security.protocol=SASL_PLAINTEXT',
  'sasl.mechanism=GSSAPI',
  'sasl.kerberos.service.name=broker',
  'sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab="/keys/app" principal="app@A.ORG";',
)

describe('--client confluent', () => {
  it('is told what the properties of a cluster say', () => {
    const plain = given(
      'security.protocol=SASL_SSL',
      'sasl.mechanism=SCRAM-SHA-512',
      'sasl.username=u',
      'sasl.password=p',
      'ssl.truststore.certificates=-----BEGIN CERTIFICATE-----',
      'ssl.endpoint.identification.algorithm=',
    )
    expect(confluentOptions(plain)).toMatchObject({
      bootstrapServers: 'a:1',
      tls: { ca: '-----BEGIN CERTIFICATE-----' },
      sasl: { mechanism: 'SCRAM-SHA-512', username: 'u', password: 'p' },
      librdkafka: { 'ssl.endpoint.identification.algorithm': 'none' },
    })
    expect(confluentOptions(kerberos).sasl).toEqual({
      mechanism: 'GSSAPI',
      principal: 'app@A.ORG',
      keytab: '/keys/app',
      serviceName: 'broker',
    })
  })

  it('is needed for Kerberos, and refuses tokens', async () => {
    await expect(openBroker({ cluster: kerberos, directory: '' })).rejects.toMatchObject({
      code: 'RIACHO_SETTING',
      message: expect.stringContaining('--client confluent'),
    })
    const tokens = given('security.protocol=SASL_SSL', 'sasl.mechanism=OAUTHBEARER', 'sasl.oauthbearer.token.endpoint.url=file:///token')
    expect(() => confluentOptions(tokens)).toThrow('OAUTHBEARER')
    expect(() => confluentOptions(given('group.instance.id=a'))).toThrow('group.instance.id')
  })

  it('says the command when the driver is not installed', async () => {
    process.env.RIACHO_CONFLUENT_DRIVER = '/nowhere'
    try {
      const opened = openBroker({ cluster: clusterOf({ bootstrapServers: 'a:1' }), client: 'confluent', directory: '' })
      await expect(opened).rejects.toMatchObject({
        code: 'RIACHO_NO_CONFLUENT',
        message: expect.stringContaining('npm install @confluentinc/kafka-javascript'),
      })
    } finally {
      delete process.env.RIACHO_CONFLUENT_DRIVER
    }
  })
})
