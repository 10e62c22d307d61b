import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { codes as streams } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { codes } from './errors.ts'

it('every code that this package throws is in its table, or in that of the package below it', () => {
  const files = readdirSync(import.meta.dirname).filter(file => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  const thrown = files.flatMap(file => readFileSync(join(import.meta.dirname, file), 'utf8').match(/(?<=')RIACHO_[A-Z_]+(?=')/g) ?? [])
  expect(thrown.filter(code => !(code in codes) && !(code in streams))).toEqual([])
  expect(Object.keys(codes).filter(code => !thrown.includes(code))).toEqual([])
})
