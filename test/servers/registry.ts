import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { cacheFolder, needJava } from './jars.ts'
import { freePorts, type ServerProcess, startServer } from './server.ts'

const run = promisify(execFile)
const version = '3.0.9'
const readyWithin = 120_000

/** A running schema registry (Apicurio, with Confluent's interface), in memory: its schemas end with it. */
export interface RegistryServer {
  /** What clients need. */
  readonly url: string
  stop(): Promise<void>
}

/** Starts a schema registry on a free port. The first call on a machine downloads it. Errors say what to install. */
export async function startRegistry(): Promise<RegistryServer> {
  await needJava(17)
  const folder = await archive(`io.apicurio:apicurio-registry-app:${version}:tar.gz:all`)
  const directory = await mkdtemp(join(tmpdir(), 'riacho-registry-'))
  const remove = () => rm(directory, { recursive: true, force: true })
  try {
    const [port] = (await freePorts(1)) as [number]
    const server = await startServer({
      command: 'java',
      arguments: [...jvm, ...settings(port), '-jar', join(folder, `apicurio-registry-app-${version}-runner.jar`)],
      directory,
      // It says nothing when it listens: it is asked after this.
      readyText: 'Using the following RegistryStorage',
      readyWithin,
    })
    return await checked(server, `http://127.0.0.1:${port}/apis/ccompat/v7`, remove)
  } catch (cause) {
    await remove()
    throw cause
  }
}

const jvm = ['-Xmx384m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']

const settings = (port: number): string[] => [
  '-Dquarkus.http.host=127.0.0.1',
  `-Dquarkus.http.port=${port}`,
  '-Dapicurio.storage.kind=sql',
  '-Dapicurio.storage.sql.kind=h2',
  `-Dapicurio.datasource.url=jdbc:h2:mem:registry_${port}`,
  // Without it the same schema with other white space is another one.
  '-Dapicurio.ccompat.use-canonical-hash=true',
]

/** Waits until it takes Confluent's own default level; Apicurio's is none. */
async function checked(server: ServerProcess, url: string, remove: () => Promise<void>): Promise<RegistryServer> {
  const request = {
    method: 'PUT',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ compatibility: 'BACKWARD' }),
  }
  let answer = ''
  for (const deadline = Date.now() + readyWithin; ; await sleep(50)) {
    const got = await fetch(`${url}/config`, request).catch(reason => String(reason))
    if (typeof got !== 'string' && got.ok) break
    answer = typeof got === 'string' ? got : `${got.status} ${await got.text()}`
    if (Date.now() < deadline) continue
    await server.kill()
    throw new Error(`the registry was not ready after ${readyWithin} ms: ${answer}`)
  }
  return {
    url,
    stop: async () => {
      await server.stop()
      await remove()
    },
  }
}

/** The folder of an unpacked Maven archive. Maven Central lacks some of what this one depends on, so it is not asked for those. */
async function archive(artifact: string): Promise<string> {
  const folder = join(cacheFolder(), `registry-${version}`)
  if (existsSync(folder)) return folder
  await mkdir(cacheFolder(), { recursive: true })
  const part = await mkdtemp(`${folder}.part-`)
  try {
    const extra = (process.env.RIACHO_MAVEN_ARGS ?? '').split(' ').filter(Boolean)
    const copy = (...more: string[]) =>
      run('mvn', ['-q', '-B', ...more, ...extra, 'dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${part}`], { cwd: part })
    await copy().catch(() => copy('-U'))
    await run('tar', ['xzf', `apicurio-registry-app-${version}-all.tar.gz`], { cwd: part })
    await rm(join(part, `apicurio-registry-app-${version}-all.tar.gz`))
    await rename(part, folder).catch((cause: unknown) => {
      if (!existsSync(folder)) throw cause
    })
  } catch (cause) {
    throw new Error('Maven could not download the registry: is Maven installed (Debian: apt-get install maven), and is there a network?', {
      cause,
    })
  } finally {
    await rm(part, { recursive: true, force: true })
  }
  return folder
}
