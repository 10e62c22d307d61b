import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder, needJava } from '../../servers/jars.ts'

const sources = join(import.meta.dirname, '../peers/kafka-streams')
const flags = ['-Xms512m', '-Xmx512m', '-XX:+UseG1GC']
const run = promisify(execFile)

/** The command that starts the Java peer, built by Maven at its first use and again when its sources change. Errors say what to install. */
export async function javaPeer(): Promise<readonly string[]> {
  await needJava(17)
  const built = join(cacheFolder(), `bench-peer-${await fingerprint()}`)
  if (!existsSync(built)) await build(built)
  return ['java', ...flags, '-cp', `${built}/bench.jar:${built}/lib/*`, 'riacho.bench.Main']
}

async function build(folder: string): Promise<void> {
  await mkdir(cacheFolder(), { recursive: true })
  // Built aside and renamed when complete: a broken build is never taken for a whole one.
  const part = await mkdtemp(`${folder}.part-`)
  try {
    await cp(sources, part, { recursive: true })
    const extra = (process.env.RIACHO_MAVEN_ARGS ?? '').split(' ').filter(Boolean)
    await run('mvn', ['-q', '-B', ...extra, 'package'], { cwd: part }).catch((cause: { stdout?: string }) => {
      throw new Error(
        `Maven could not build the Java peer (Debian: apt-get install maven openjdk-17-jdk-headless): ${cause.stdout ?? ''}`,
        {
          cause,
        },
      )
    })
    await rename(join(part, 'target'), folder)
  } finally {
    await rm(part, { recursive: true, force: true })
  }
}

async function fingerprint(): Promise<string> {
  const hash = createHash('sha256')
  const entries = await readdir(sources, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  for (const file of files.sort()) hash.update(file.slice(sources.length)).update(await readFile(file))
  return hash.digest('hex').slice(0, 12)
}
