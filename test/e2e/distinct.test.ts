import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { embedded } from '@riacho/embedded'
import { afterEach, expect, it } from 'vitest'
import { node, riachoFile, type Started, until } from './event-processor.fixture.ts'

const sinkFile = fileURLToPath(new URL('distinct-sink.fixture.ts', import.meta.url))
const appFile = fileURLToPath(new URL('distinct-app.fixture.ts', import.meta.url))
const started: Started[] = []
const folder = mkdtempSync(join(tmpdir(), 'riacho-distinct-'))
afterEach(async () => {
  for (const { child } of started) child.kill('SIGKILL')
  await Promise.all(started.map(({ ended }) => ended))
  rmSync(folder, { recursive: true, force: true })
  delete process.env.DISTINCT_SINK_PORT
})

const values = 3000
const data = join(folder, 'data')
const file = join(folder, 'lines.txt')

function start(...args: Parameters<typeof node>): Started {
  const made = node(...args)
  started.push(made)
  return made
}
const app = (...args: string[]): Started =>
  start(riachoFile, ['run', appFile, '--data-dir', data, '--http-port', '0', '--commit-interval-ms', '50', ...args])

/** Each value twice, the second time 40 later. */
async function writeInput(): Promise<void> {
  const broker = await embedded({ directory: data })
  await broker.admin.createTopics([{ name: 'in', partitions: 1 }])
  const producer = await broker.producer({})
  const writer = producer.partition({ topic: 'in', partition: 0 })
  for (let i = 0; i < values + 40; i++) {
    if (i < values) writer.append(i, `k${i % 7}`, `v${i}`)
    if (i >= 40) writer.append(i, `k${(i - 40) % 7}`, `v${i - 40}`)
  }
  await producer.flush()
  await producer.close()
  await broker.close()
}

const written = (): string[] => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [])

it('at least once, distinct before a sink that stands still, killed with -9 and started again, loses nothing', async () => {
  await writeInput()
  const sink = start(sinkFile, [file])
  await until(() => sink.text.out.includes('\n'), 'the sink listens', 10_000)
  process.env.DISTINCT_SINK_PORT = sink.text.out.trim()
  const shares: number[] = []
  for (let kill = 0; kill < 6; kill++) {
    const before = written().length
    const run = app()
    await until(() => written().length > before + 100 || run.child.exitCode !== null, 'the application writes', 30_000)
    expect(run.text.error).not.toContain('"level":50')
    sink.child.kill('SIGSTOP')
    // What distinct has seen meanwhile is in its store, and in its changelog if that goes out too early.
    await sleep(200 + 50 * kill)
    run.child.kill('SIGKILL')
    await once(run.child, 'close')
    sink.child.kill('SIGCONT')
    shares.push(new Set(written()).size / values)
  }
  expect(await app('--until-end').ended).toMatchObject({ code: 0 })
  const got = written()
  expect(new Set(got).size).toBe(values)
  expect(shares.filter(share => share > 0.02 && share < 0.98).length).toBeGreaterThan(3)
  // Each kill repeats at most what was on its way.
  expect(got.length).toBeLessThan(values * 1.6)
})
