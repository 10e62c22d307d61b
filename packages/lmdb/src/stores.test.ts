import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { storeSuite } from '@riacho/testing/suites'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lmdb } from './index.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'riacho-lmdb-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

describe.each([
  ['in files, a few rows in memory', 2000],
  ['in files, each commit written', 1],
])('%s', (name, memoryBytesMax) => {
  storeSuite({ name, open: () => lmdb({ directory, memoryBytesMax }) }, { describe, it, expect })
})
