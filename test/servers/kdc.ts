import { execFile } from 'node:child_process'
import { globSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { debianObstacle, debianPackage } from './debian.ts'
import { freePorts, startServer } from './server.ts'

const run = promisify(execFile)
const realm = 'RIACHO.TEST'

/** A running key distribution centre of Kerberos (MIT's) with a realm of its own. */
export interface Kdc {
  /** The file that tells clients, and brokers by `java.security.krb5.conf`, where the realm is. */
  readonly config: string
  /** The file for a realm whose KDC is somewhere else. */
  configAt(port: number): Promise<string>
  /** Variables of a process whose client of Kerberos is MIT's with libsasl2: it finds its programs, its plug-in and the realm, and has tickets of its own under this name. */
  environmentOf(tickets: string): Readonly<Record<string, string>>
  /** Makes a principal, such as `app`; gives its name with the realm, and the file with its key. */
  principal(name: string): Promise<Principal>
  /** Gives it another key, which nobody has: its file is worth nothing from now on. */
  forget(principal: Principal): Promise<void>
  /** Brings a ticket as a user does. */
  kinit(principal: Principal, environment: Readonly<Record<string, string>>): Promise<void>
  stop(): Promise<void>
}

/** Somebody of the realm. */
export interface Principal {
  readonly name: string
  readonly keytab: string
}

// The server's package needs those of the KDC and of kinit.
const server = ['krb5-admin-server', '/usr/sbin/kadmin.local'] as const
const pluginPath = 'usr/lib/*-linux-gnu/sasl2/libgssapiv2.so'
const plugin = ['libsasl2-modules-gssapi-mit', globSync(join('/', pluginPath))[0] ?? join('/', pluginPath)] as const

/** What keeps Kerberos from being had here, if something does. */
export const kdcObstacle = (): string | undefined => debianObstacle(...server) ?? debianObstacle(...plugin)

/** Starts a KDC on a free port in a temporary directory. The first call on a machine downloads it. Errors are one line that says what to install. */
export async function startKdc(): Promise<Kdc> {
  const [kerberos, sasl] = await Promise.all([debianPackage(...server), debianPackage(...plugin)])
  const directory = await mkdtemp(join(tmpdir(), 'riacho-kdc-'))
  const remove = () => rm(directory, { recursive: true, force: true })
  const config = join(directory, 'krb5.conf')
  const environment = { ...kerberos.environment, KRB5_CONFIG: config, KRB5_KDC_PROFILE: join(directory, 'kdc.conf') }
  const tool = (name: string, ...args: readonly string[]) =>
    run(join('/', kerberos.root, 'usr/sbin', name), args, { env: { ...process.env, ...environment } })
  try {
    const [port] = (await freePorts(1)) as [number]
    await writeFile(config, clientSettings(port))
    await writeFile(environment.KRB5_KDC_PROFILE, serverSettings(directory, kerberos.libraries, port))
    await tool('kdb5_util', 'create', '-s', '-P', 'palavra')
    const running = await startServer({
      command: join('/', kerberos.root, 'usr/sbin/krb5kdc'),
      arguments: ['-n'],
      directory,
      environment,
      readyText: 'commencing operation',
      readyWithin: 10_000,
    })
    const libraries = [...kerberos.libraries, ...sasl.libraries].join(delimiter)
    const client = {
      ...environment,
      ...(libraries && { LD_LIBRARY_PATH: libraries }),
      ...(sasl.root && { SASL_PATH: dirname(globSync(join(sasl.root, pluginPath))[0]!) }),
    }
    let keytabs = 0
    return {
      config,
      configAt: async elsewhere => {
        const file = `${config}-${elsewhere}`
        await writeFile(file, clientSettings(elsewhere))
        return file
      },
      environmentOf: tickets => ({ ...client, KRB5CCNAME: `FILE:${join(directory, `tickets-${tickets}`)}` }),
      principal: async short => {
        const [name, keytab] = [`${short}@${realm}`, join(directory, `${++keytabs}.keytab`)]
        await tool('kadmin.local', 'addprinc', '-randkey', name)
        await tool('kadmin.local', 'ktadd', '-k', keytab, name)
        return { name, keytab }
      },
      forget: async ({ name }) => {
        await tool('kadmin.local', 'change_password', '-randkey', name)
      },
      kinit: async ({ name, keytab }, env) => {
        await run(join('/', kerberos.root, 'usr/bin/kinit'), ['-k', '-t', keytab, name], { env: { ...process.env, ...env } })
      },
      stop: async () => {
        await running.stop()
        await remove()
      },
    }
  } catch (cause) {
    await remove()
    throw cause
  }
}

/** By TCP alone, because a free port is one of TCP; names of hosts are taken as they are written, because 127.0.0.1 has many names. */
const clientSettings = (port: number): string => `[libdefaults]
default_realm = ${realm}
dns_lookup_realm = false
dns_lookup_kdc = false
dns_canonicalize_hostname = false
rdns = false
udp_preference_limit = 1
[realms]
${realm} = {
  kdc = 127.0.0.1:${port}
}
`

const serverSettings = (directory: string, libraries: readonly string[], port: number): string => `[kdcdefaults]
kdc_listen = ""
kdc_tcp_listen = 127.0.0.1:${port}
[realms]
${realm} = {
  database_module = own
  key_stash_file = ${join(directory, 'stash')}
}
[dbmodules]
${libraries.map(folder => `db_module_dir = ${join(folder, 'krb5/plugins/kdb')}`).join('\n')}
own = {
  db_library = db2
  database_name = ${join(directory, 'principals')}
}
[logging]
kdc = STDERR
`
