import { parseArgs } from 'node:util'
import { caseFiles, readCases } from './case.ts'
import { verdictOf } from './verdict.ts'

const usage = 'npm run conformance -- DIR [--family NAME]…'

/** Runs the cases below a directory; prints each failed one with its first difference, then the sums. Returns the exit code. */
async function main(): Promise<number> {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { family: { type: 'string', multiple: true } } })
  const [directory] = positionals
  if (directory === undefined || positionals.length > 1) {
    console.error(`Say which directory of cases to run: ${usage}`)
    return 2
  }
  let passed = 0
  let failed = 0
  for (const file of caseFiles(directory)) {
    const { family, cases } = readCases(file)
    if (values.family !== undefined && !values.family.includes(family)) continue
    for (const one of cases) {
      const verdict = await verdictOf(one)
      if (verdict === undefined) passed++
      else {
        failed++
        console.log(`FAILED ${one.name}: ${verdict}`)
      }
    }
  }
  if (passed + failed === 0) console.error(`No case found below ${directory}${values.family ? ` of ${values.family.join(', ')}` : ''}.`)
  console.log(`${passed} passed, ${failed} failed`)
  return failed > 0 || passed === 0 ? 1 : 0
}

process.exitCode = await main()
