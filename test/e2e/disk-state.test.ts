import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const heapBytes = 32 << 20
const rowBytes = 9700
const keys = Math.ceil((10 * heapBytes) / rowBytes)

it('an application with ten times more state than its heap may have gives right results, and its memory stays small', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'riacho-disk-state-'))
  try {
    const flags = [`--max-old-space-size=${heapBytes >> 20}`, '--max-semi-space-size=2']
    const program = join(import.meta.dirname, 'disk-state.fixture.ts')
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, program, folder, String(keys), String(rowBytes)])
    const { records, wrong, anonymousBytes } = JSON.parse(stdout) as { records: number; wrong: number; anonymousBytes: number[] }
    expect({ records, wrong }).toEqual({ records: keys + Math.ceil(keys / 8), wrong: 0 })
    // What no file stands behind, Node's own share included.
    expect(Math.max(...anonymousBytes)).toBeLessThan((keys * rowBytes) / 2)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
