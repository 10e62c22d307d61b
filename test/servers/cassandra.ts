import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jars, needJava } from './jars.ts'
import { keyStoreOf, selfSigned, storePassword } from './security.ts'
import { freePorts, type ServerProcess, startServer } from './server.ts'

/** The version of Cassandra that the tests run against. */
export const cassandraVersion = '5.0.9'

/** A running Cassandra of one node, data centre `datacenter1`. */
export interface CassandraServer {
  readonly host: string
  readonly port: number
  /** With which it speaks TLS, as PEM; empty when it does not. */
  readonly certificate: string
  /** Ends it as a crash would; its data stays. */
  kill(): Promise<void>
  /** Starts it again on its data, at the same address, after {@link CassandraServer.kill}. */
  restart(): Promise<void>
  /** Ends it and removes its data. */
  stop(): Promise<void>
}

/** What a Cassandra of the tests has beside a plain listener. */
export interface CassandraServerOptions {
  /** It speaks TLS and nothing else, and asks for a name and a password: at first both are `cassandra`. */
  readonly secure?: boolean
}

/**
 * Starts a Cassandra in a temporary directory on free ports. The first call on a machine downloads it.
 * Errors are one line that says what to install.
 */
export async function startCassandra({ secure = false }: CassandraServerOptions = {}): Promise<CassandraServer> {
  await needJava(17)
  const lib = await jars('cassandra', [`org.apache.cassandra:cassandra-all:${cassandraVersion}`])
  const directory = await mkdtemp(join(tmpdir(), 'riacho-cassandra-'))
  const remove = () => rm(directory, { recursive: true, force: true })
  try {
    const [port, storage] = (await freePorts(2)) as [number, number]
    await mkdir(join(directory, 'tmp'))
    await writeFile(join(directory, 'cassandra.yaml'), configuration(directory, port, storage, secure))
    await writeFile(join(directory, 'logback.xml'), logback)
    await writeFile(join(directory, 'jvm.options'), jvmOptions(directory))
    const certificate = secure ? await selfSigned(directory) : ''
    let running = await run(lib, directory)
    return {
      host: '127.0.0.1',
      port,
      certificate,
      kill: () => running.kill(),
      restart: async () => {
        running = await run(lib, directory)
      },
      stop: async () => {
        await running.kill()
        await remove()
      },
    }
  } catch (cause) {
    await remove()
    throw cause
  }
}

const run = (lib: string, directory: string): Promise<ServerProcess> =>
  startServer({
    command: 'java',
    arguments: [`@${join(directory, 'jvm.options')}`, '-cp', `${lib}/*`, 'org.apache.cassandra.service.CassandraDaemon'],
    directory,
    readyText: 'Startup complete',
    readyWithin: 120_000,
  })

const configuration = (directory: string, port: number, storage: number, secure: boolean): string => `
cluster_name: riacho
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
authenticator: ${secure ? 'PasswordAuthenticator' : 'AllowAllAuthenticator'}
authorizer: AllowAllAuthorizer
role_manager: CassandraRoleManager
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: ${storage}
native_transport_port: ${port}
start_native_transport: true
${secure ? `client_encryption_options: { enabled: true, ${keyStoreSettings(directory)}, store_type: PKCS12 }` : ''}
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "127.0.0.1:${storage}"
# The default skip list measures itself for seconds at a first start.
memtable:
  configurations:
    default:
      class_name: TrieMemtable
commitlog_sync: periodic
commitlog_sync_period: 1000ms
commitlog_segment_size: 8MiB
commitlog_total_space: 64MiB
memtable_heap_space: 64MiB
memtable_offheap_space: 64MiB
key_cache_size: 0MiB
auto_snapshot: false
auto_bootstrap: false
data_file_directories: ["${directory}/data"]
commitlog_directory: "${directory}/commitlog"
saved_caches_directory: "${directory}/saved_caches"
hints_directory: "${directory}/hints"
cdc_raw_directory: "${directory}/cdc_raw"
`

const keyStoreSettings = (directory: string): string => `keystore: "${keyStoreOf(directory)}", keystore_password: ${storePassword}`

const logback = `<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level [%thread] %date{ISO8601} %logger{0} - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="OUT"/></root>
</configuration>
`

const exported = [
  'java.base/jdk.internal.misc',
  'java.management.rmi/com.sun.jmx.remote.internal.rmi',
  'java.rmi/sun.rmi.registry',
  'java.rmi/sun.rmi.server',
  'java.rmi/sun.rmi.transport.tcp',
  'java.sql/java.sql',
  'java.base/java.lang.ref',
  'jdk.unsupported/sun.misc',
]
const opened = [
  'java.base/java.lang.module',
  'java.base/jdk.internal.loader',
  'java.base/jdk.internal.ref',
  'java.base/jdk.internal.reflect',
  'java.base/jdk.internal.math',
  'java.base/jdk.internal.module',
  'java.base/jdk.internal.util.jar',
  'jdk.management/com.sun.management.internal',
  'java.base/sun.nio.ch',
  'java.base/java.io',
  'java.base/java.lang',
  'java.base/java.lang.reflect',
  'java.base/java.util',
  'java.base/java.util.concurrent',
  'java.base/java.util.concurrent.atomic',
  'java.base/java.nio',
  'java.rmi/sun.rmi.transport.tcp',
]

const jvmOptions = (directory: string): string =>
  [
    ...exported.map(name => `--add-exports ${name}=ALL-UNNAMED`),
    ...opened.map(name => `--add-opens ${name}=ALL-UNNAMED`),
    '-Djdk.attach.allowAttachSelf=true',
    '-Xss256k',
    '-Xms512M',
    '-Xmx512M',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-XX:+ExitOnOutOfMemoryError',
    '-Djava.net.preferIPv4Stack=true',
    `-Djava.io.tmpdir="${directory}/tmp"`,
    `-Dlogback.configurationFile="file://${directory}/logback.xml"`,
    `-Dcassandra.config="file://${directory}/cassandra.yaml"`,
    `-Dcassandra.storagedir="${directory}"`,
    '-Dcassandra-foreground=yes',
    '-Dcassandra.skip_wait_for_gossip_to_settle=0',
    '-Dcassandra.ring_delay_ms=0',
    '-Dcassandra.superuser_setup_delay_ms=0',
    '-Dcassandra.skip_schema_check=true',
    '',
  ].join('\n')
