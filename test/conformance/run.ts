import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { lmdb } from '@riacho/lmdb'
import type { StoreSuppliers } from '@riacho/streams/engine'
import { type Case, caseFiles, readCases } from './case.ts'
import { verdictOf } from './verdict.ts'

const usage = 'npm run conformance -- DIR [--family NAME]… [--stores lmdb]'

/** The cases below a directory, of the families if any are named. Throws when the directory or a file cannot be read. */
function casesOf(directory: string, families: readonly string[] | undefined): Case[] {
  const files = caseFiles(directory).map(readCases)
  return files.filter(({ family }) => families?.includes(family) ?? true).flatMap(({ cases }) => cases)
}

/** Runs the cases one by one; prints each failed one with its first difference, then the sums. Returns the exit code. */
async function run(cases: readonly Case[], stores?: StoreSuppliers): Promise<number> {
  let failed = 0
  for (const one of cases) {
    const verdict = await verdictOf(one, stores)
    if (verdict === undefined) continue
    failed++
    console.log(`FAILED ${one.name}: ${verdict}`)
  }
  console.log(`${cases.length - failed} passed, ${failed} failed`)
  return failed > 0 ? 1 : 0
}

/** Runs the cases with stores in files, each commit written. */
async function runOnDisk(cases: readonly Case[]): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'riacho-conformance-'))
  try {
    return await run(cases, lmdb({ directory, memoryBytesMax: 1 }))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function main(): Promise<number> {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { family: { type: 'string', multiple: true }, stores: { type: 'string' } },
    })
    const [directory, more] = positionals
    if (directory === undefined || more !== undefined) throw new Error('say one directory of cases')
    const cases = casesOf(directory, values.family)
    if (cases.length === 0) throw new Error(`there is no such case below ${directory}`)
    if (values.stores === undefined) return await run(cases)
    if (values.stores === 'lmdb') return await runOnDisk(cases)
    throw new Error(`there are no stores ${values.stores}`)
  } catch (thrown) {
    console.error(`${thrown instanceof Error ? thrown.message : thrown}\n${usage}`)
    return 2
  }
}

process.exitCode = await main()
