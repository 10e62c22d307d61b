import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A Maven artifact, as `group:artifact:version`. */
export type Artifact = `${string}:${string}:${string}`

/** The folder in which downloads are kept between runs: `RIACHO_SERVERS_CACHE`, else `riacho` in the user's cache folder. */
export const cacheFolder = (): string =>
  process.env.RIACHO_SERVERS_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'riacho')

/** Throws, with what to install, unless a Java runtime of at least this major version is on PATH. */
export async function needJava(major: number): Promise<void> {
  const install = `install Java ${major} or later (Debian: apt-get install openjdk-17-jre-headless)`
  const printed = await run('java', ['-version']).catch((cause: unknown) => {
    throw new Error(`java is not on PATH: ${install}`, { cause })
  })
  const found = Number(/version "(\d+)/.exec(printed.stderr)?.[1] ?? 0)
  if (found < major) throw new Error(`Java ${found} is too old: ${install}`)
}

/**
 * The folder with these artifacts and everything that they need, brought there by Maven the first time.
 * Errors say what to install, or where Maven's own words are.
 */
export async function jars(name: string, artifacts: readonly Artifact[]): Promise<string> {
  const key = createHash('sha256').update(artifacts.join()).digest('hex').slice(0, 12)
  const folder = join(cacheFolder(), `${name}-jars-${key}`)
  if (existsSync(folder)) return folder
  await mkdir(cacheFolder(), { recursive: true })
  // Filled aside and renamed when complete: a broken download is never taken for a whole one, and two processes may do it at once.
  const part = await mkdtemp(`${folder}.part-`)
  try {
    await writeFile(join(part, 'pom.xml'), pom(name, artifacts))
    await copyDependencies(part)
    await rename(join(part, 'lib'), folder).catch((cause: unknown) => {
      if (!existsSync(folder)) throw cause
    })
  } finally {
    await rm(part, { recursive: true, force: true })
  }
  return folder
}

/** A download sometimes breaks off, and Maven remembers a failed look-up: the second try (`-U`) asks again. */
async function copyDependencies(directory: string): Promise<void> {
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${join(directory, 'lib')}`]
  const extra = (process.env.RIACHO_MAVEN_ARGS ?? '').split(' ').filter(Boolean)
  const maven = (...more: string[]) => run('mvn', ['-q', '-B', ...more, ...extra, ...goal], { cwd: directory })
  try {
    await maven().catch((cause: NodeJS.ErrnoException) => (cause.code === 'ENOENT' ? Promise.reject(cause) : maven('-U')))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT')
      throw new Error('mvn is not on PATH: install Maven, which downloads the server once (Debian: apt-get install maven)', { cause })
    throw new Error(`Maven could not download the server; is there a network? ${firstError((cause as { stdout?: string }).stdout)}`, {
      cause,
    })
  }
}

const firstError = (output = ''): string => output.split('\n').find(line => line.startsWith('[ERROR]')) ?? ''

const pom = (name: string, artifacts: readonly Artifact[]): string => {
  const dependencies = artifacts.map(artifact => {
    const [group, id, version] = artifact.split(':')
    return `<dependency><groupId>${group}</groupId><artifactId>${id}</artifactId><version>${version}</version></dependency>`
  })
  return `<project><modelVersion>4.0.0</modelVersion><groupId>riacho.servers</groupId><artifactId>${name}</artifactId><version>1</version>
<dependencies>${dependencies.join('\n')}</dependencies></project>`
}
