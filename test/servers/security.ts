import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const storePassword = 'of-the-tests'

/** Who may come in by each mechanism. An OAUTHBEARER token is anybody's, unsigned. */
export const credentials = {
  PLAIN: { username: 'ana', password: 'palavra' },
  'SCRAM-SHA-256': { username: 'bia', password: 'chave=256' },
  'SCRAM-SHA-512': { username: 'caio', password: 'chave=512' },
} as const

/** A key and its certificate in a key store of this directory; gives the certificate as PEM. `keytool` is a part of Java. */
export async function selfSigned(directory: string): Promise<string> {
  const store = ['-alias', 'server', '-keystore', join(directory, 'server.p12'), '-storepass', storePassword]
  const key = [
    '-keyalg',
    'EC',
    '-groupname',
    'secp256r1',
    '-dname',
    'CN=127.0.0.1',
    '-ext',
    'SAN=IP:127.0.0.1,DNS:localhost',
    '-validity',
    '2',
  ]
  await run('keytool', ['-genkeypair', '-storetype', 'PKCS12', ...store, ...key])
  const { stdout } = await run('keytool', ['-exportcert', '-rfc', ...store])
  return stdout
}

/** The configuration of listeners named SSL and SASL_SSL. */
export function securitySettings(directory: string): Record<string, string> {
  const modules = 'org.apache.kafka.common.security'
  const sasl = 'listener.name.sasl_ssl'
  const { username, password } = credentials.PLAIN
  return {
    'ssl.keystore.type': 'PKCS12',
    'ssl.keystore.location': join(directory, 'server.p12'),
    'ssl.keystore.password': storePassword,
    'ssl.key.password': storePassword,
    [`${sasl}.sasl.enabled.mechanisms`]: 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    [`${sasl}.plain.sasl.jaas.config`]: `${modules}.plain.PlainLoginModule required user_${username}="${password}";`,
    [`${sasl}.scram-sha-256.sasl.jaas.config`]: `${modules}.scram.ScramLoginModule required;`,
    [`${sasl}.scram-sha-512.sasl.jaas.config`]: `${modules}.scram.ScramLoginModule required;`,
    [`${sasl}.oauthbearer.sasl.jaas.config`]: `${modules}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
    // An authentication holds for two seconds: tests live through several.
    [`${sasl}.connections.max.reauth.ms`]: '2000',
  }
}
