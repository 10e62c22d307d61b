import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embedded } from '@riacho/embedded'
import { Engine, settings } from '@riacho/runtime'
import { count, days, text, topic, topology, tumbling } from '@riacho/streams'
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
