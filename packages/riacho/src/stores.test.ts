import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { configure } from './configuration.ts'
import { storesOf } from './stores.ts'

const file = (name: string): string => join(import.meta.dirname, name)

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'riacho-stores-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const riacho = async (...args: string[]): Promise<string> => {
  const env = { ...process.env, RIACHO_HTTP_PORT: '0' }
  const { stdout } = await promisify(execFile)(process.execPath, [file('main.ts'), ...args, '--data-dir', 'data'], { cwd: folder, env })
  return stdout
}

it('keeps state in memory unless files are asked for', async () => {
  expect(await storesOf(undefined, folder)).toBeUndefined()
  expect(await storesOf('memory', folder)).toBeUndefined()
  expect(await storesOf('lmdb', folder)).toHaveProperty('create')
  expect(configure({ environment: { RIACHO_STATE_STORE: 'lmdb' } }).stateStore).toBe('lmdb')
  expect(() => configure({ flags: { stateStore: 'disk' } })).toThrow('stateStore from --state-store is "disk": give memory or lmdb')
})

it('runs with state in files below the data directory, and goes on from the changelog', async () => {
  for (const words of ['a\tx\nb\tx\na\tx\n', 'a\tx\n']) {
    writeFileSync(join(folder, 'words.txt'), words)
    await riacho('produce', 'words', '--from', 'words.txt', '--key-separator', '\t')
    await riacho('run', file('stores.fixture.ts'), '--state-store', 'lmdb', '--until-end')
  }
  expect(existsSync(join(folder, 'data', 'state', 'words-app', 'lock'))).toBe(true)
  const out = await riacho('consume', 'word-counts', '--from-beginning', '--until-end')
  const rows = out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { key: string; value: unknown })
  expect(rows.map(({ key, value }) => [key, Number(value)])).toEqual([
    ['a', 1],
    ['b', 1],
    ['a', 2],
    ['a', 3],
  ])
})
