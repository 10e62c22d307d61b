import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embedded } from '@riacho/embedded'
import { Engine, settings } from '@riacho/runtime'
import { days, filter, joinStream, type KStream, minutes, text, to, topic, topology } from '@riacho/streams'
import { loaded, must, processed, read } from './load.ts'

const records = 500_000
const keys = 10_000
const start = 1_700_000_000_000

/** Left and right records of one topic, joined: a right one up to a minute after its left one. */
function joined(reach: number): KStream<string, string> {
  const input = topic('in', { key: text, value: text })
  const right = input.pipe(filter(value => value.charCodeAt(0) === 114))
  const within = { before: 0, after: reach, grace: 0 }
  return input.pipe(
    filter(value => value.charCodeAt(0) === 108),
    joinStream('joined', right, (l, r) => `${l}${r}`, within),
  )
}

/**
 * source → inner join of two streams → sink, 10,000 keys, both changelogs on: every right record meets the up to three left ones of its key in the last minute.
 */
export async function streamJoin(): Promise<{ value: number; unit: string }> {
  const names = Array.from({ length: keys }, (_, i) => `key-${i}`)
  const broker = await loaded(records, i => [names[(i >> 1) % keys]!, i % 2 === 0 ? `l${i}` : `r${i}`, start + i])
  const seconds = await processed(topology('bench-join', joined(minutes(1)).pipe(to('out', { value: text }))), broker)
  const most = Math.floor((minutes(1) - 1) / 2 / keys) + 1
  const expected = Array.from({ length: records / 2 }, (_, pair) => Math.min(Math.floor(pair / keys) + 1, most))
  let found = 0
  await read(broker, 'out', cursor => {
    const [, left, right] = /^l(\d+)r(\d+)$/.exec(cursor.valueFrame.utf8Slice(cursor.valueStart, cursor.valueEnd))!
    const apart = Number(right) - Number(left)
    must(apart > 0 && apart <= minutes(1) && ((apart - 1) / 2) % keys === 0, `pair ${left} ${right}`)
    found++
  })
  const sum = expected.reduce((a, b) => a + b, 0)
  must(found === sum, `${found} pairs of ${sum}`)
  return { value: records / seconds, unit: 'records/s of one core' }
}

const waiting = 500_000

/** Fills a directory, in a process of its own so that its memory is not measured. */
export async function streamJoinInput(directory: string): Promise<void> {
  const broker = await loaded(waiting, i => [`key-${i}`, `l${i}`, start + i], directory)
  await broker.close()
}

const used = (): number => {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Bytes of a record that waits for another, key and value of about ten characters included: half a million records of as many keys, the log in files. */
export async function streamJoinMemory(): Promise<{ value: number; unit: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'riacho-bench-'))
  try {
    const load = `await (await import(${JSON.stringify(import.meta.filename)})).streamJoinInput(${JSON.stringify(directory)})`
    const filled = spawnSync(process.execPath, ['--input-type=module', '-e', load], { encoding: 'utf8' })
    must(filled.status === 0, filled.stderr)
    const broker = await embedded({ directory })
    const engine = new Engine(topology('bench-join-memory', joined(days(1)).pipe(to('out', { value: text }))), settings({ broker }))
    await engine.join(
      work => work(),
      () => {},
    )
    const before = used()
    do {
      await engine.fetch(0)
      engine.process(1000, performance.now() + 10)
      await engine.commitDue(false)
    } while (engine.tasks.some(task => task.inputs.some(input => input.position < input.end)))
    await engine.commitDue(true)
    const store = engine.tasks[0]!.stores.get('joined-this-join-store') as unknown as { size: number }
    must(store.size === waiting, `${store.size} records of ${waiting}`)
    const after = used()
    await engine.close()
    await broker.close()
    return { value: (after - before) / waiting, unit: 'bytes a waiting record' }
  } finally {
    rmSync(directory, { recursive: true })
  }
}
