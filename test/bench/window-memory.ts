import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embedded } from '@riacho/embedded'
import { Engine, settings } from '@riacho/runtime'
import { count, days, int64, sessionStore, text, topic, topology, tumbling, windowStore, windowStoreByKey } from '@riacho/streams'
import { loaded, must } from './load.ts'

const keys = 1_000_000

/** Fills a directory, in a process of its own so that its memory is not measured. */
export async function windowMemoryInput(directory: string): Promise<void> {
  const broker = await loaded(keys, i => [`key-${i}`, 'v', 1_700_000_000_000 + (i % 1000)], directory)
  await broker.close()
}

/** Resident megabytes of a process that holds a million keys in one window, its log in files. */
export async function windowMemory(): Promise<{ value: number; unit: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'riacho-bench-'))
  try {
    const load = `await (await import(${JSON.stringify(import.meta.filename)})).windowMemoryInput(${JSON.stringify(directory)})`
    const filled = spawnSync(process.execPath, ['--input-type=module', '-e', load], { encoding: 'utf8' })
    must(filled.status === 0, filled.stderr)
    const broker = await embedded({ directory })
    const plan = topology(
      'bench-memory',
      topic('in', { key: text, value: text }).pipe(count('counts', { window: tumbling(days(1), { grace: 0 }) })),
    )
    const engine = new Engine(plan, settings({ broker }))
    await engine.join(
      work => work(),
      () => {},
    )
    do {
      await engine.fetch(0)
      engine.process(1000, performance.now() + 10)
      await engine.commitDue(false)
    } while (engine.tasks.some(task => task.inputs.some(input => input.position < input.end)))
    await engine.commitDue(true)
    const store = engine.tasks.map(task => task.stores.get('counts')).find(found => found !== undefined) as { size: number } | undefined
    must(store?.size === keys, `${store?.size} keys of ${keys}`)
    globalThis.gc?.()
    // The collector gives pages back a little later.
    await new Promise(resolve => setTimeout(resolve, 500))
    const { rss } = process.memoryUsage()
    await engine.close()
    await broker.close()
    return { value: rss / 1e6, unit: 'MB resident' }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Where rows lie: windows by start, windows by key, sessions. */
const layouts = {
  'by-start': () => {
    const store = windowStore('w', { key: text, value: int64, retention }).create(silent)
    return { store, put: (key: string, start: number) => store.put(key, start, 1, start) }
  },
  'by-key': () => {
    const store = windowStoreByKey('w', { key: text, value: int64, retention }).create(silent)
    return { store, put: (key: string, start: number) => store.put(key, start, 1, start) }
  },
  sessions: () => {
    const store = sessionStore('s', { key: text, value: int64, retention }).create(silent)
    return { store, put: (key: string, start: number) => store.put(key, start, start + 5, 1, start) }
  },
} as const
const retention = days(1)
const silent = { log: () => {}, drop: () => {} }

/** How rows are spread: a million keys with one window, all at one time; or each row at a time of its own, ten of a key. */
const spreads = {
  'one-start': { keys: 1_000_000, windows: 1, startOf: () => 0 },
  'own-starts': { keys: 20_000, windows: 10, startOf: (key: number, window: number) => window * 1_000_000 + ((key * 7919) % 20_000) },
} as const

/** Bytes a row that a store holds takes in memory, its share of the key included. */
export function rowMemory(layout: keyof typeof layouts, spread: keyof typeof spreads): () => Promise<{ value: number; unit: string }> {
  return async () => {
    const { store, put } = layouts[layout]()
    const { keys, windows, startOf } = spreads[spread]
    const before = bytesInUse()
    for (let window = 0; window < windows; window++) {
      for (let key = 0; key < keys; key++) {
        // Each record brings a key of its own, as from a topic.
        put(Buffer.from(`key-${key}`).toString(), 1_700_000_000_000 + startOf(key, window))
        if (store.uncommitted >= 10_000) store.committed()
      }
    }
    store.committed()
    must(store.size === keys * windows, `${store.size} rows of ${keys * windows}`)
    return { value: (bytesInUse() - before) / (keys * windows), unit: 'bytes a row' }
  }
}

function bytesInUse(): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
