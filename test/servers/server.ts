import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A server process of a test, its output in the file `log` of its directory. */
export interface ServerProcess {
  readonly pid: number
  /** Asks it to end, and kills it after 30 seconds; resolves when it is gone. */
  stop(): Promise<void>
  /** Ends it as a crash would (SIGKILL); resolves when it is gone. */
  kill(): Promise<void>
}

/** What to start. */
export interface ServerCommand {
  readonly command: string
  readonly arguments: readonly string[]
  /** Where its file `log` is. */
  readonly directory: string
  /** Beside the variables of this process. */
  readonly environment?: Readonly<Record<string, string>>
  /** The server is ready when its log holds this text. */
  readonly readyText?: string
  /** The server is ready when it takes connections at this port of 127.0.0.1. */
  readonly readyPort?: number
  /** Milliseconds until it must be ready. */
  readonly readyWithin: number
  /** As whom it runs. Default: as we do. */
  readonly owner?: { readonly uid?: number; readonly gid?: number }
}

/** Starts a server and waits until it is ready. The error holds the end of its log. */
export async function startServer(options: ServerCommand): Promise<ServerProcess> {
  const file = join(options.directory, 'log')
  const log = openSync(file, 'w')
  const env = { ...process.env, ...options.environment }
  const { directory: cwd, owner } = options
  const child = spawn(options.command, options.arguments, { cwd, stdio: ['ignore', log, log], env, ...owner })
  closeSync(log)
  const gone = new Promise<void>(resolve => child.once('close', () => resolve()))
  const orphan = () => child.kill('SIGKILL')
  process.once('exit', orphan)
  void gone.then(() => process.off('exit', orphan))
  try {
    await ready(child, file, options)
  } catch (cause) {
    child.kill('SIGKILL')
    throw cause
  }
  return { pid: child.pid!, stop: () => end(child, gone, 'SIGTERM'), kill: () => end(child, gone, 'SIGKILL') }
}

async function ready(child: ChildProcess, file: string, options: ServerCommand): Promise<void> {
  let failure: Error | undefined
  child.once('error', cause => {
    failure = cause
  })
  for (const deadline = Date.now() + options.readyWithin; ; await sleep(50)) {
    const log = await readFile(file, 'utf8')
    if (options.readyText !== undefined && log.includes(options.readyText)) return
    if (options.readyPort !== undefined && failure === undefined && (await answers(options.readyPort))) return
    const reason = failure?.message ?? (child.exitCode === null ? undefined : `it ended with status ${child.exitCode}`)
    if (reason !== undefined) throw new Error(`${options.command} did not start: ${reason}\n${lastLines(log)}`)
    if (Date.now() > deadline) throw new Error(`${options.command} was not ready after ${options.readyWithin} ms\n${lastLines(log)}`)
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    const settle = (open: boolean) => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
  })

async function end(child: ChildProcess, gone: Promise<void>, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000)
  await gone
  clearTimeout(timer)
}

const lastLines = (log: string): string => log.trimEnd().split('\n').slice(-10).join('\n')

/**
 * Ports that nobody listens on, below those that systems give to connections (Linux from 32,768, others from 49,152): a server that is stopped and started again must find its port
 * free, and somebody's connection, even that of a client which tries to reach it, could have taken it meanwhile.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = []
  for (let tries = 0; servers.length < count; tries++) {
    if (tries === triesMax) throw new Error(`no ${count} free ports found in ${triesMax} tries`)
    const server = await listening(randomInt(firstPort, endPort)).catch(() => undefined)
    if (server !== undefined) servers.push(server)
  }
  const ports = servers.map(server => (server.address() as { port: number }).port)
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}

const [firstPort, endPort, triesMax] = [20_000, 32_000, 1000]

const listening = (port: number) =>
  new Promise<Server>((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
