import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'riacho-avro-'))
afterAll(() => rmSync(folder, { recursive: true }))

const riacho = (...args: readonly string[]): Promise<{ code: number; out: string; error: string }> =>
  new Promise(resolve => {
    execFile(process.execPath, [main, 'avro', 'types', ...args], { cwd: folder }, (failed, out, error) =>
      resolve({ code: failed === null ? 0 : Number(failed.code), out, error }),
    )
  })

const schema = (name: string) => JSON.stringify({ type: 'record', name, fields: [{ name: 'id', type: 'long' }] })

it('makes the types of files and of folders', async () => {
  writeFileSync(join(folder, 'b.avsc'), schema('Second'))
  writeFileSync(join(folder, 'a.avsc'), schema('First'))
  const { code, out } = await riacho('.')
  expect(code).toBe(0)
  expect(out).toMatch(
    /of a\.avsc, b\.avsc.*export interface First \{\n {2}readonly id: number\n\}.*export interface Second.*export const firstSchema/s,
  )
  expect(await riacho('b.avsc', '--to', 'types.ts')).toEqual({ code: 0, out: '', error: '' })
  expect(readFileSync(join(folder, 'types.ts'), 'utf8')).toContain('export interface Second')
}, 60_000)

it('says what is missing', async () => {
  writeFileSync(join(folder, 'broken.avsc'), '{"type":"recordd"}')
  const told = await Promise.all([riacho(), riacho('no.avsc'), riacho('broken.avsc'), riacho('--subject', 'a')])
  const words = [/RIACHO_INPUT: no schema is named/, /RIACHO_INPUT: no\.avsc cannot be read/, /RIACHO_AVRO_SCHEMA/, /go together/]
  for (const [i, { code, error }] of told.entries())
    expect({ code, error }).toMatchObject({ code: 1, error: expect.stringMatching(words[i]!) })
}, 60_000)
