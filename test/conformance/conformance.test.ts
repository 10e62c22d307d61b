import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { caseFiles, readCases } from './case.ts'
import { verdictOf } from './verdict.ts'

const folder = join(import.meta.dirname, 'cases')
const casesAt = (family: string): string => join(folder, family)

describe.each(readdirSync(folder))('%s', family => {
  const cases = caseFiles(casesAt(family)).flatMap(file => readCases(file).cases)
  it.each(cases.map(one => [one.name, one] as const))('%s', async (_name, one) => {
    expect(await verdictOf(one)).toBeUndefined()
  })
})
