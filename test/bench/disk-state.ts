import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lmdb } from '@riacho/lmdb'
import { count, int64, text, to, topic, topology, toStream } from '@riacho/streams'
import type { StoreSuppliers } from '@riacho/streams/engine'
import { loaded, must, processed, read } from './load.ts'

interface Result {
  readonly value: number
  readonly unit: string
}

/** Runs a benchmark with its stores in files. */
export async function onDisk(benchmark: (stores: StoreSuppliers) => Promise<Result>): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'riacho-bench-'))
  try {
    return await benchmark(lmdb({ directory }))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const records = 1_000_000
const keys = 200_000

/** source → count per key → sink, 200,000 keys in no order, the changelog on, every update handed on. */
export async function keyedCount(stores?: StoreSuppliers): Promise<Result> {
  const keyOf = (i: number): number => (Math.imul(i, 2_654_435_761) >>> 0) % keys
  const broker = await loaded(records, i => [`key-${keyOf(i)}`, 'v', i])
  const plan = topology(
    'bench-keyed',
    topic('in', { key: text, value: text }).pipe(count('counts'), toStream(), to('out', { value: int64 })),
  )
  const seconds = await processed(plan, broker, stores)
  const expected = new Uint32Array(keys)
  for (let i = 0; i < records; i++) expected[keyOf(i)]!++
  const found = new Uint32Array(keys)
  await read(broker, 'out', cursor => {
    const key = Number(cursor.keyFrame.latin1Slice(cursor.keyStart + 'key-'.length, cursor.keyEnd))
    found[key] = Number(cursor.valueFrame.readBigInt64BE(cursor.valueStart))
  })
  must(
    expected.every((n, key) => found[key] === n),
    'counts differ from the recomputation',
  )
  return { value: records / seconds, unit: 'records/s of one core' }
}

const heapMegabytes = 128
const rowBytes = 1000
const rows = 1_400_000

/** A process whose heap may have 128 MiB keeps 1,400,000 rows of 1000 bytes. */
export async function diskState(): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'riacho-bench-'))
  try {
    const program = join(import.meta.dirname, '../e2e/disk-state.fixture.ts')
    const args = [`--max-old-space-size=${heapMegabytes}`, program, folder, String(rows), String(rowBytes)]
    const told = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as {
      readonly records: number
      readonly wrong: number
      readonly anonymousBytes: readonly [number, number]
      readonly seconds: number
    }
    must(told.wrong === 0, `${told.wrong} wrong rows`)
    const [before, after] = told.anonymousBytes.map(bytes => Math.round(bytes / 1e6))
    return {
      value: told.records / told.seconds,
      unit: `records/s of one core; ${before} MB of memory at most in the first half, ${after} in the second`,
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
