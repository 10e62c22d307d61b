import { parseArgs } from 'node:util'
import { type Case, caseFiles, readCases } from './case.ts'
import { verdictOf } from './verdict.ts'

const usage = 'npm run conformance -- DIR [--family NAME]…'

/** The cases below a directory, of the families if any are named. Throws when the directory or a file cannot be read. */
function casesOf(directory: string, families: readonly string[] | undefined): Case[] {
  const files = caseFiles(directory).map(readCases)
  return files.filter(({ family }) => families?.includes(family) ?? true).flatMap(({ cases }) => cases)
}

/** Runs the cases one by one; prints each failed one with its first difference, then the sums. Returns the exit code. */
async function run(cases: readonly Case[]): Promise<number> {
  let failed = 0
  for (const one of cases) {
    const verdict = await verdictOf(one)
    if (verdict === undefined) continue
    failed++
    console.log(`FAILED ${one.name}: ${verdict}`)
  }
  console.log(`${cases.length - failed} passed, ${failed} failed`)
  return failed > 0 ? 1 : 0
}

async function main(): Promise<number> {
  try {
    const { positionals, values } = parseArgs({ allowPositionals: true, options: { family: { type: 'string', multiple: true } } })
    const [directory, more] = positionals
    if (directory === undefined || more !== undefined) throw new Error('say one directory of cases')
    const cases = casesOf(directory, values.family)
    if (cases.length === 0) throw new Error(`there is no such case below ${directory}`)
    return await run(cases)
  } catch (thrown) {
    console.error(`${thrown instanceof Error ? thrown.message : thrown}\n${usage}`)
    return 2
  }
}

process.exitCode = await main()
