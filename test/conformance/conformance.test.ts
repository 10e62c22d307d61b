import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { caseFiles, readCases } from './case.ts'
import { verdictOf } from './verdict.ts'

const families = ['stateless', 'time', 'group', 'window-tumbling', 'window-hopping']
const casesAt = (family: string): string => join(import.meta.dirname, 'cases', family)

describe.each(families)('%s', family => {
  const cases = caseFiles(casesAt(family)).flatMap(file => readCases(file).cases)
  it.each(cases.map(one => [one.name, one] as const))('%s', async (_name, one) => {
    expect(await verdictOf(one)).toBeUndefined()
  })
})
