import { execFileSync } from 'node:child_process'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BrokerError } from '@riacho/streams/engine'
import { writeFailed } from './errors.ts'
import { fileMode } from './file.ts'

interface Owner {
  readonly pid: number
  /** When the process started, as the system tells it: a process number is used again. */
  readonly started: string
}

const attempts = 5

/** Takes the directory for this process; gives the function that gives it back. Throws DATA_DIR_LOCKED, naming the process that has it. */
export function lockDirectory(directory: string): () => void {
  const path = join(directory, 'lock')
  const me: Owner = { pid: process.pid, started: startOf(process.pid) ?? '' }
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (create(path, me)) return () => rmSync(path, { force: true })
    const text = readLock(path)
    const owner = parse(text)
    if (owner !== undefined && isAlive(owner))
      throw new BrokerError(
        'DATA_DIR_LOCKED',
        `${directory} is used by process ${owner.pid}. Stop it, use another directory, or open this one with readOnly.`,
      )
    takeAway(path, text)
  }
  throw new BrokerError('DATA_DIR_LOCKED', `${directory} is being opened by other processes at the same time. Try again.`, {
    retriable: true,
  })
}

function create(path: string, owner: Owner): boolean {
  try {
    writeFileSync(path, JSON.stringify(owner), { flag: 'wx', mode: fileMode })
    return true
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST') return false
    throw writeFailed(path, thrown)
  }
}

/** Removes a dead process's lock: by renaming, so that only one of several succeeds. A lock that was taken meanwhile is put back. */
function takeAway(path: string, text: string | undefined): void {
  const aside = `${path}.${process.pid}`
  try {
    renameSync(path, aside)
    if (readLock(aside) === text) rmSync(aside)
    else renameSync(aside, path)
  } catch {
    // Another process was faster: the next attempt sees its lock.
  }
}

function readLock(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function parse(text: string | undefined): Owner | undefined {
  try {
    const owner = JSON.parse(text ?? '') as Partial<Owner>
    return typeof owner.pid === 'number' && owner.pid > 0 ? { pid: owner.pid, started: String(owner.started) } : undefined
  } catch {
    return undefined
  }
}

function isAlive(owner: Owner): boolean {
  const started = startOf(owner.pid)
  return started !== undefined && started === owner.started
}

/** When a process started; undefined when there is none. */
function startOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      // Field 22; the command in parentheses may hold spaces, so fields are counted behind it. A zombie (state Z) no longer writes.
      const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ')
      return fields[0] === 'Z' ? undefined : fields[19]
    }
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
  } catch {
    return undefined
  }
}
