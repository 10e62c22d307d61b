import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { int64, type KeyValueStore, keyValueStore, sessionStore, text, versionedStore, windowStore } from '@riacho/streams'
import type { Store, StoreSpec, StoreSuppliers, StoreTask } from '@riacho/streams/engine'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type LmdbOptions, lmdb } from './index.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'riacho-lmdb-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** Makes stores as a task does. */
class Process {
  readonly suppliers: StoreSuppliers
  readonly open: Store[] = []

  constructor(options: Partial<LmdbOptions> = {}) {
    this.suppliers = lmdb({ directory, memoryBytesMax: 1, ...options })
  }

  store<S extends Store>(spec: StoreSpec<S>, task = '0_0', application = 'app'): S {
    const hands: StoreTask = {
      log: () => {},
      drop: () => {},
      supply: <T extends Store>(of: StoreSpec<T>, own: StoreTask) => this.suppliers.create(of, own, { application, task }) as T | undefined,
    }
    const store = spec.create(hands)
    this.open.push(store)
    return store
  }

  end(): void {
    for (const store of this.open.splice(0)) store.close?.()
  }
}

const rows = keyValueStore('rows', { key: text, value: text })
const put = (store: KeyValueStore<string, string>, key: string, value: string): void => {
  store.put(key, value, 1)
  store.committed()
}
const files = (): string[] => readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.mdb'))

describe('places', () => {
  it('gives each store of each task a file, and takes it away when the store is closed', () => {
    const process = new Process()
    const stores = [process.store(rows), process.store(rows, '0_1'), process.store(rows, '0_0', 'other')]
    for (const [i, store] of stores.entries()) put(store, 'k', String(i))
    expect(stores.map(store => store.get('k')?.value)).toEqual(['0', '1', '2'])
    expect(files().sort()).toEqual(['app/0_0/rows-1.mdb', 'app/0_1/rows-2.mdb', 'other/0_0/rows-1.mdb'])
    process.end()
    expect(files()).toEqual([])
    expect(readdirSync(join(directory, 'app'))).toEqual(['lock'])
  })

  it('makes a store again while the one before is still open: they do not meet', () => {
    const process = new Process()
    const before = process.store(rows)
    put(before, 'k', 'before')
    const now = process.store(rows)
    expect(now.get('k')).toBeUndefined()
    put(now, 'k', 'now')
    expect(before.get('k')?.value).toBe('before')
    before.close?.()
    expect(now.get('k')?.value).toBe('now')
    process.end()
  })

  it('leaves in memory what it cannot keep', () => {
    const { suppliers } = new Process()
    const place = { application: 'app', task: '0_0' }
    const hands = { log: () => {}, drop: () => {} }
    const options = { key: text, value: text }
    for (const spec of [
      keyValueStore('ttl', { ...options, ttl: 1 }),
      keyValueStore('lru', { ...options, recordsMax: 1 }),
      keyValueStore('headers', { ...options, headers: true }),
      versionedStore('versioned', { ...options, historyRetention: 1 }),
    ])
      expect(suppliers.create(spec, hands, place)).toBeUndefined()
    expect(files()).toEqual([])
  })

  it('removes what a process left that was killed, and nothing else', () => {
    mkdirSync(join(directory, 'app', '0_0'), { recursive: true })
    mkdirSync(join(directory, 'app', 'photos'))
    for (const file of ['0_0/rows-7.mdb', '0_0/rows-7.mdb-lock', 'photos/a.jpg']) writeFileSync(join(directory, 'app', file), 'x')
    const process = new Process()
    put(process.store(rows), 'k', 'v')
    expect(files()).toEqual(['app/0_0/rows-1.mdb'])
    expect(existsSync(join(directory, 'app', 'photos', 'a.jpg'))).toBe(true)
    process.end()
  })
})

describe('the lock', () => {
  const locked = expect.objectContaining({ code: 'RIACHO_STORE_LOCKED', message: expect.stringContaining('a directory of its own') })

  it('keeps others away from an application’s stores while one is open', () => {
    const [one, other] = [new Process(), new Process()]
    one.store(rows)
    expect(() => other.store(rows)).toThrow(locked)
    other.store(rows, '0_0', 'other')
    one.end()
    other.store(rows)
    other.end()
  })

  it('ends with its process, also when that is killed', async () => {
    const code = `
      const { lmdb } = await import(${JSON.stringify(join(import.meta.dirname, 'index.ts'))})
      const { keyValueStore, text } = await import('@riacho/streams')
      const spec = keyValueStore('rows', { key: text, value: text })
      const stores = lmdb({ directory: ${JSON.stringify(directory)}, memoryBytesMax: 1 })
      const store = stores.create(spec, { log: () => {}, drop: () => {} }, { application: 'app', task: '0_0' })
      store.put('k', 'left', 1)
      store.committed()
      console.log('open')
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    const here = new Process()
    expect(() => here.store(rows)).toThrow(locked)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const store = here.store(rows)
    expect(store.get('k')).toBeUndefined()
    here.end()
  })
})

describe('limits', () => {
  it('refuses options that make no sense', () => {
    for (const options of [{ directory: '' }, { memoryBytesMax: 0 }, { bytesMax: 1.5 }])
      expect(() => new Process(options)).toThrow(expect.objectContaining({ code: 'RIACHO_OPTION' }))
  })

  it('writes to the file only when memory holds memoryBytesMax', () => {
    const process = new Process({ memoryBytesMax: 2000 })
    const store = process.store(rows)
    const onDisk = (): number => Number(execFileSync('du', ['-k', join(directory, 'app')], { encoding: 'utf8' }).split('\t')[0])
    put(store, 'a', 'x'.repeat(1000))
    const before = onDisk()
    put(store, 'b', 'x'.repeat(1000))
    expect(onDisk()).toBeGreaterThan(before)
    expect([...store.entries()].map(([key]) => key)).toEqual(['a', 'b'])
    process.end()
  })

  it('says what to do when a store has more than bytesMax', () => {
    const process = new Process({ bytesMax: 1 << 20 })
    const store = process.store(rows)
    const fill = (): void => {
      for (let i = 0; i < 4000; i++) put(store, `key-${i}`, 'x'.repeat(1000))
    }
    expect(fill).toThrow(expect.objectContaining({ code: 'RIACHO_STORE_FULL', message: expect.stringContaining('raise bytesMax') }))
    process.end()
  })

  it('says what to do with keys that are too long', () => {
    const process = new Process()
    const long = 'k'.repeat(1970)
    const refused = expect.objectContaining({ code: 'RIACHO_STORE_KEY' })
    put(process.store(rows), long, 'v')
    const options = { key: text, value: text, retention: 10 }
    expect(() => process.store(windowStore('windows', options)).put(long, 0, 'v', 0)).toThrow(refused)
    expect(() => process.store(sessionStore('sessions', options)).put(long, 0, 1, 'v', 0)).toThrow(refused)
    process.end()
  })

  it('says what to do when the directory cannot be used', () => {
    writeFileSync(join(directory, 'app'), 'a file')
    expect(() => new Process().store(rows)).toThrow(
      expect.objectContaining({ code: 'RIACHO_STORE_FAILED', message: expect.stringContaining(join(directory, 'app')) }),
    )
  })
})

const small = (() => {
  const mounted = mkdtempSync(join(tmpdir(), 'riacho-lmdb-small-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', mounted], { stdio: 'ignore' })
    return mounted
  } catch {
    rmSync(mounted, { recursive: true })
    return undefined
  }
})()

it.skipIf(small === undefined)('says what to do when the disk is full, and what is committed stays', () => {
  const process = new Process({ directory: small! })
  try {
    const store = process.store(rows)
    let committed = 0
    const fill = (): void => {
      for (; ; committed++) put(store, `key-${String(committed).padStart(6, '0')}`, 'x'.repeat(1000))
    }
    expect(fill).toThrow(expect.objectContaining({ code: 'RIACHO_STORE_DISK_FULL', message: expect.stringContaining('free some space') }))
    expect(committed).toBeGreaterThan(100)
    // The system has refused nothing: that would harm the process.
    expect(statfsSync(small!).bavail).toBeGreaterThan(0)
    expect(store.get('key-000000')?.value.length).toBe(1000)
  } finally {
    process.end()
    execFileSync('umount', [small!])
    rmSync(small!, { recursive: true })
  }
})

it('serves serdes that use their buffer again', () => {
  const process = new Process()
  const store = process.store(keyValueStore('numbers', { key: int64, value: int64 }))
  for (let i = 0; i < 300; i++) {
    store.put(i, i * 2, i)
    if (i % 7 === 0) store.committed()
  }
  expect(Array.from(store.entries(), ([key, row]) => [key, row.value])).toEqual(Array.from({ length: 300 }, (_, i) => [i, i * 2]))
  process.end()
})
