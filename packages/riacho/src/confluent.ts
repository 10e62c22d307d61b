import type { ConfluentOptions, ConfluentSasl, ConfluentTls } from '@riacho/kafka-confluent'
import type { Cluster } from './cluster.ts'
import { failure } from './errors.ts'

/** What Confluent's client is told about a cluster. Throws `RIACHO_SETTING` for what it cannot do. */
export function confluentOptions({ warnings: _, tls, sasl, kerberos, transactionVersion: __, ...others }: Cluster): ConfluentOptions {
  const {
    bootstrapServers,
    clientId,
    compression,
    requestTimeoutMs,
    retryForMs,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    heartbeatIntervalMs,
    instanceId,
  } = others
  if (instanceId !== undefined)
    throw failure('RIACHO_SETTING', `group.instance.id is ${instanceId}: with --client confluent there is no place for it; leave it out`)
  return {
    bootstrapServers,
    clientId,
    compression,
    requestTimeoutMs,
    retryForMs,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    heartbeatIntervalMs,
    tls: tls && tlsOf(tls),
    sasl: saslOf(sasl, kerberos),
    ...(tls?.checkServerIdentity && { librdkafka: { 'ssl.endpoint.identification.algorithm': 'none' } }),
  }
}

function tlsOf({ ca, cert, key, passphrase }: NonNullable<Cluster['tls']>): ConfluentTls {
  return {
    ...(ca !== undefined && { ca: String(ca) }),
    ...(cert !== undefined && { cert: String(cert) }),
    ...(key !== undefined && { key: String(key) }),
    ...(passphrase !== undefined && { passphrase }),
  }
}

function saslOf(sasl: Cluster['sasl'], kerberos: Cluster['kerberos']): ConfluentSasl | undefined {
  if (kerberos !== undefined) return { mechanism: 'GSSAPI', ...kerberos }
  if (sasl === undefined) return undefined
  if (sasl.mechanism === 'OAUTHBEARER' || typeof sasl.password !== 'string')
    throw failure(
      'RIACHO_SETTING',
      `sasl.mechanism is ${sasl.mechanism}: --client confluent takes passwords and Kerberos; leave it out for this`,
    )
  const { mechanism, username, password } = sasl
  return { mechanism, username, password }
}
