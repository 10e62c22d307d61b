import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readlink, rename, rm, symlink } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder } from './jars.ts'

const run = promisify(execFile)

/** A program with its libraries: as this machine has it installed, or in a folder of the cache. */
export interface Unpacked {
  /** What the folder's `usr` stands for; '' when the package is installed. */
  readonly root: string
  /** The folders of its libraries; none when it is installed. */
  readonly libraries: readonly string[]
  /** Variables by which its programs find each other and their libraries. */
  readonly environment: Readonly<Record<string, string>>
}

const folderOf = (name: string): string => join(cacheFolder(), `debian-${name}-${process.arch}`)

const onPath = (program: string): boolean => (process.env.PATH ?? '').split(delimiter).some(folder => existsSync(join(folder, program)))

/**
 * What keeps a package from being had here, if something does: it is neither installed nor in the cache, and this is no Debian. Where everything must be tested
 * (`RIACHO_TEST_ALL`) that is an error of its own.
 */
export function debianObstacle(name: string, program: string): string | undefined {
  if (process.env.RIACHO_TEST_ALL || existsSync(program) || onPath(program) || existsSync(folderOf(name))) return undefined
  const missing = ['apt-get', 'dpkg'].filter(tool => !onPath(tool))
  return missing.length === 0 ? undefined : `${name} is not installed, and there is no ${missing.join(', no ')} to download it with`
}

/**
 * A Debian package with what it needs and this machine lacks: downloaded and unpacked into the cache the first time, which needs no root. Nothing is installed. `program` is the
 * file, or the name on PATH, by which an installed one is known. Errors are one line that says what to install.
 */
export async function debianPackage(name: string, program: string): Promise<Unpacked> {
  if (existsSync(program) || onPath(program)) return { root: '', libraries: [], environment: {} }
  const folder = folderOf(name)
  if (!existsSync(folder)) await unpack(name, folder)
  const names = await platformsOf(folder)
  const libraries = names.flatMap(name => [join(folder, 'usr/lib', name), join(folder, 'lib', name)])
  const environment = {
    PATH: `${['usr/bin', 'usr/sbin'].map(entry => join(folder, entry)).join(delimiter)}${delimiter}${process.env.PATH}`,
    LD_LIBRARY_PATH: libraries.join(delimiter),
  }
  return { root: folder, libraries, environment }
}

/** The names of the folders of libraries, such as `x86_64-linux-gnu`. */
const platformsOf = async (root: string): Promise<string[]> =>
  (await readdir(join(root, 'usr/lib'))).filter(entry => entry.endsWith('-linux-gnu'))

async function unpack(name: string, folder: string): Promise<void> {
  await mkdir(cacheFolder(), { recursive: true })
  // Filled aside and renamed when complete: a broken download is never taken for a whole one, and two processes may do it at once.
  const part = await mkdtemp(`${folder}.part-`)
  try {
    const [index, debs, root] = ['index', 'debs', 'root'].map(each => join(part, each)) as [string, string, string]
    for (const each of [join(index, 'lists/partial'), join(index, 'cache/archives/partial'), debs, root])
      await mkdir(each, { recursive: true })
    // An index of our own: that of the machine may be old, missing, or not ours to write.
    const own = ['-o', `Dir::State::Lists=${join(index, 'lists')}`, '-o', `Dir::Cache=${join(index, 'cache')}`, '-o', 'Debug::NoLocking=1']
    const apt = (...args: string[]) => run('apt-get', [...own, ...args], { cwd: debs, maxBuffer: 64 << 20 })
    await apt('update', '-qq')
    const { stdout } = await apt('--simulate', '--no-install-recommends', 'install', name)
    const lacking = [...stdout.matchAll(/^Inst (\S+)/gm)].map(found => found[1]!)
    await apt('download', '-qq', ...lacking)
    for (const deb of await readdir(debs)) await run('dpkg', ['--extract', join(debs, deb), root])
    await relink(root)
    await rename(root, folder).catch((cause: unknown) => {
      if (!existsSync(folder)) throw cause
    })
  } catch (cause) {
    const said = (cause as { stderr?: string }).stderr?.trim().split('\n').at(-1) ?? String(cause)
    throw new Error(`the Debian package ${name} could not be downloaded: install it (apt-get install ${name}). It said: ${said}`, { cause })
  } finally {
    await rm(part, { recursive: true, force: true })
  }
}

/** A development package links to its library, which is left out where this machine has it: such a link points there. */
async function relink(root: string): Promise<void> {
  for (const name of await platformsOf(root)) {
    const folder = join('usr/lib', name)
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = join(root, folder, entry.name)
      if (!entry.isSymbolicLink() || existsSync(path)) continue
      const installed = resolve('/', folder, await readlink(path))
      await rm(path)
      await symlink(installed, path)
    }
  }
}
