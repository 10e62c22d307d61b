import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { debianObstacle, debianPackage, type Unpacked } from './debian.ts'
import { freePorts, type ServerProcess, startServer } from './server.ts'

/** A running RabbitMQ, user guest, password guest. */
export interface RabbitServer {
  readonly port: number
  readonly url: string
  /** Ends it as a crash would. */
  kill(): Promise<void>
  /** Starts it again on its port and its data. */
  start(): Promise<void>
  stop(): Promise<void>
}

const program = '/usr/lib/rabbitmq/bin/rabbitmq-server'

/** What keeps RabbitMQ from being had here, if something does. */
export const rabbitObstacle = (): string | undefined => debianObstacle('rabbitmq-server', program)

/** Starts a RabbitMQ on free ports, with an epmd of its own. The first call on a machine downloads it. Errors are one line that says what to install. */
export async function startRabbit(): Promise<RabbitServer> {
  const unpacked = await debianPackage('rabbitmq-server', program)
  const directory = await mkdtemp(join(tmpdir(), 'riacho-rabbitmq-'))
  const ports = (await freePorts(3)) as [number, number, number]
  const environment = { ...unpacked.environment, ...(await settings(directory, unpacked, ports)) }
  const [port, , epmdPort] = ports
  const begin = async (): Promise<ServerProcess> =>
    startServer({
      // Debian's rabbitmq-server in /usr/sbin switches user; this one does not.
      command: join(unpacked.root, program),
      arguments: ['-noinput'],
      directory,
      environment,
      readyText: 'Server startup complete',
      readyWithin: 90_000,
    })
  let epmd: ServerProcess | undefined
  let server: ServerProcess
  const end = async (): Promise<void> => {
    await epmd?.stop()
    await rm(directory, { recursive: true, force: true })
  }
  try {
    // Its own, else the server starts one that nobody stops.
    await mkdir(join(directory, 'epmd'))
    epmd = await startServer({
      command: 'epmd',
      arguments: ['-port', String(epmdPort), '-address', '127.0.0.1'],
      directory: join(directory, 'epmd'),
      environment,
      readyPort: epmdPort,
      readyWithin: 10_000,
    })
    server = await begin()
  } catch (cause) {
    await end()
    throw cause
  }
  return {
    port,
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    kill: () => server.kill(),
    start: async () => {
      server = await begin()
    },
    stop: async () => {
      await server.stop()
      await end()
    },
  }
}

/** Writes what a server reads at its start into its directory, and gives the variables that say so. */
async function settings(directory: string, { root, environment }: Unpacked, [port, distribution, epmd]: readonly [number, number, number]) {
  const path = (name: string): string => join(directory, name)
  for (const folder of ['data', 'bin']) await mkdir(path(folder))
  await writeFile(path('rabbitmq.conf'), 'vm_memory_high_watermark.absolute = 512MB\ndisk_free_limit.absolute = 50MB\n')
  await writeFile(path('rabbitmq-env.conf'), '')
  await writeFile(path('enabled_plugins'), '[].')
  if (root !== '') {
    // Debian's `erl` says where Erlang is when it is installed.
    const erl = await readFile(join(root, 'usr/lib/erlang/bin/erl'), 'utf8')
    await writeFile(path('bin/erl'), erl.replaceAll('=/usr/lib/erlang', `=${join(root, 'usr/lib/erlang')}`))
    await chmod(path('bin/erl'), 0o755)
  }
  return {
    PATH: `${path('bin')}:${environment.PATH ?? process.env.PATH}`,
    HOME: directory,
    LANG: 'C.UTF-8',
    ERL_EPMD_PORT: String(epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    // The script becomes the server, so that the process is the server's.
    RABBITMQ_ALLOW_INPUT: '1',
    RABBITMQ_NODENAME: `riacho${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distribution),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    RABBITMQ_MNESIA_BASE: path('data'),
    RABBITMQ_LOG_BASE: directory,
    RABBITMQ_LOGS: '-',
    RABBITMQ_CONFIG_FILE: path('rabbitmq'),
    RABBITMQ_CONF_ENV_FILE: path('rabbitmq-env.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: path('enabled_plugins'),
    RABBITMQ_PID_FILE: path('pid'),
  }
}
