import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** Of the key stores of the tests. */
export const storePassword = 'of-the-tests'

/** Who may come in by each mechanism. An OAUTHBEARER token is anybody's, unsigned. */
export const credentials = {
  PLAIN: { username: 'ana', password: 'palavra' },
  'SCRAM-SHA-256': { username: 'bia', password: 'chave=256' },
  'SCRAM-SHA-512': { username: 'caio', password: 'chave=512' },
} as const

/** A key and its certificate in a key store of this directory, valid for two days from `startDate` on; gives the certificate as PEM. `keytool` is a part of Java. */
export async function selfSigned(directory: string, startDate = '-1H'): Promise<string> {
  // A short life: the compiler that takes its time is left out.
  const store = ['-J-XX:TieredStopAtLevel=1', '-alias', 'server', '-keystore', keyStoreOf(directory), '-storepass', storePassword]
  const name = ['-dname', 'CN=127.0.0.1', '-ext', 'SAN=IP:127.0.0.1,DNS:localhost']
  const key = ['-keyalg', 'EC', '-groupname', 'secp256r1', ...name, '-startdate', startDate, '-validity', '2']
  await run('keytool', ['-genkeypair', '-storetype', 'PKCS12', ...store, ...key])
  const { stdout } = await run('keytool', ['-exportcert', '-rfc', ...store])
  return stdout
}

/** Where {@link selfSigned} puts the key store. */
export const keyStoreOf = (directory: string): string => join(directory, 'server.p12')

/** A port of 127.0.0.1 at which only TLS is spoken, with the key store of this directory. */
export async function startTls(directory: string): Promise<{ readonly port: number; stop(): void }> {
  const server = createServer({ pfx: await readFile(keyStoreOf(directory)), passphrase: storePassword })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, stop: () => server.close() }
}

/** The configuration of listeners named SSL and SASL_SSL. */
export function securitySettings(directory: string): Record<string, string> {
  const modules = 'org.apache.kafka.common.security'
  const sasl = 'listener.name.sasl_ssl'
  const { username, password } = credentials.PLAIN
  return {
    'ssl.keystore.type': 'PKCS12',
    'ssl.keystore.location': keyStoreOf(directory),
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

/** Who a broker is in a realm of Kerberos. */
export interface KerberosIdentity {
  /** The file that says where the realm is. */
  readonly config: string
  /** `kafka/` with the host's name and the realm. */
  readonly name: string
  readonly keytab: string
}

/** The configuration of a listener named KERBEROS, which knows nothing else. */
export function kerberosSettings({ name, keytab }: KerberosIdentity): Record<string, string> {
  const listener = 'listener.name.kerberos'
  const login = `useKeyTab=true storeKey=true keyTab="${keytab}" principal="${name}"`
  return {
    [`${listener}.sasl.enabled.mechanisms`]: 'GSSAPI',
    [`${listener}.sasl.kerberos.service.name`]: 'kafka',
    [`${listener}.gssapi.sasl.jaas.config`]: `com.sun.security.auth.module.Krb5LoginModule required ${login};`,
    [`${listener}.connections.max.reauth.ms`]: '2000',
  }
}
