import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { debianObstacle, debianPackage } from './debian.ts'
import { cacheFolder } from './jars.ts'

const run = promisify(execFile)
const version = '1.10.1'
const packageName = '@confluentinc/kafka-javascript'
const install =
  'install what a build needs (Debian: apt-get install g++ make python3 libssl-dev zlib1g-dev, for Kerberos libsasl2-dev, for zstd libzstd-dev)'
const buildLimitMs = 900_000

/** Debian's packages of what librdkafka has when its headers are there, and the header by which an installed one is known: Kerberos and zstd. */
const headers = { 'libsasl2-dev': '/usr/include/sasl/sasl.h', 'libzstd-dev': '/usr/include/zstd.h' } as const

const hadLibraries = () =>
  (Object.keys(headers) as (keyof typeof headers)[]).filter(name => debianObstacle(name, headers[name]) === undefined)

/** What keeps a build from being made here, if something does. Where everything must be tested (`RIACHO_TEST_ALL`) that is an error of the build itself. */
export function confluentObstacle(): string | undefined {
  if (process.env.RIACHO_TEST_ALL || process.env.RIACHO_CONFLUENT_DRIVER || existsSync(cached())) return undefined
  const folders = (process.env.PATH ?? '').split(delimiter)
  const missing = ['g++', 'make', 'python3'].filter(tool => !folders.some(folder => existsSync(join(folder, tool))))
  return missing.length === 0 ? undefined : `there is no ${missing.join(', no ')} to build Confluent's client with`
}

/** What keeps a build with this library from being had here, if something does. */
export const libraryObstacle = (name: keyof typeof headers): string | undefined =>
  confluentObstacle() ?? (process.env.RIACHO_CONFLUENT_DRIVER ? undefined : debianObstacle(name, headers[name]))

/** Where a build is kept, or will be. It consists of the program, its libraries, and this version of Node, to which its binary belongs. */
function cached(): string {
  const parts = [version, process.version, process.platform, process.arch, ...hadLibraries()]
  return join(cacheFolder(), `confluent-${version}-${createHash('sha256').update(parts.join()).digest('hex').slice(0, 12)}`)
}

/**
 * The folder of Confluent's client, built from source the first time, which takes some minutes: its binaries are not in the registry of packages. librdkafka is linked dynamically
 * (`CKJS_LINKING=dynamic`) to the system's libraries; libsasl2 and libzstd come from the cache when they are not installed and this is Debian. Errors are one line that says what
 * to install.
 */
export async function confluentDriver(say: (line: string) => void = () => {}): Promise<string> {
  const { RIACHO_CONFLUENT_DRIVER: named } = process.env
  if (named) return named
  const folder = cached()
  const driver = join(folder, 'node_modules', packageName)
  if (existsSync(folder)) return driver
  say(`building ${packageName} ${version} into ${folder} (once, two minutes on two cores) …`)
  await mkdir(cacheFolder(), { recursive: true })
  // Built aside and renamed when complete: a broken build is never taken for a whole one, and two processes may do it at once.
  const part = await mkdtemp(`${folder}.part-`)
  try {
    await build(part)
    await prune(join(part, 'node_modules', packageName))
    await rename(part, folder).catch((cause: unknown) => {
      if (!existsSync(folder)) throw cause
    })
  } finally {
    await rm(part, { recursive: true, force: true })
  }
  return driver
}

async function build(part: string): Promise<void> {
  // Headers of Node lie beside its binary, in a package as in a distribution.
  const nodedir = dirname(dirname(process.execPath))
  if (!existsSync(join(nodedir, 'include', 'node', 'node.h')))
    throw new Error(`${nodedir} has no headers of Node: run this by \`npm test\` or \`npm run confluent\``)
  const env = {
    ...process.env,
    PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
    CKJS_LINKING: 'dynamic',
    JOBS: '2',
    npm_config_nodedir: nodedir,
    npm_config_build_from_source: 'true',
    ...(await libraryFlags()),
  }
  const step = (command: string, ...args: string[]) =>
    run(command, args, { cwd: part, env, timeout: buildLimitMs, maxBuffer: 64 << 20 }).catch(
      (cause: { stderr?: string; stdout?: string }) => {
        throw new Error(`${packageName} could not be built: ${install}. It said: ${lastError(`${cause.stdout}\n${cause.stderr}`)}`, {
          cause,
        })
      },
    )
  await writeFile(join(part, 'package.json'), JSON.stringify({ private: true, dependencies: { [packageName]: version } }))
  await step('npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund')
  // librdkafka by itself before the rest: the rules for make do not say that all else waits for it, and would start all its compilers at once.
  await step(process.execPath, join('node_modules', packageName, 'util', 'configure'))
  await step('make', '-j2', '-C', join('node_modules', packageName, 'deps', 'librdkafka'), 'libs', 'install-subdirs')
  await step('npm', 'rebuild', '--foreground-scripts', packageName)
}

/** Where the compiler and the linker find libraries that are not installed, and the driver when it is loaded. */
async function libraryFlags(): Promise<Readonly<Record<string, string>>> {
  const unpacked = await Promise.all(hadLibraries().map(name => debianPackage(name, headers[name])))
  const found = unpacked.filter(({ root }) => root !== '')
  const { CPPFLAGS = '', LDFLAGS = '' } = process.env
  return {
    CPPFLAGS: [CPPFLAGS, ...found.map(({ root }) => `-I${join(root, 'usr/include')}`)].join(' '),
    LDFLAGS: [LDFLAGS, ...found.flatMap(({ libraries }) => libraries.map(folder => `-L${folder} -Wl,-rpath,${folder}`))].join(' '),
  }
}

/** Sources and objects are 250 MB. */
async function prune(driver: string): Promise<void> {
  const release = join(driver, 'build', 'Release')
  const gone = ['deps', 'src', join('build', 'deps', 'include'), 'schemaregistry'].map(name => join(driver, name))
  const objects = (await readdir(release)).filter(name => name !== 'confluent-kafka-javascript.node').map(name => join(release, name))
  await Promise.all([...gone, ...objects].map(path => rm(path, { recursive: true, force: true })))
}

const lastError = (output: string): string =>
  output
    .split('\n')
    .filter(line => /error|\*\*\*|not found/i.test(line) && !line.startsWith('npm '))
    .at(0)
    ?.trim() ??
  output.trim().split('\n').at(-1) ??
  ''
