import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jsonSchema } from './json-schema.ts'

const schema = {
  type: 'object',
  required: ['uid', 'kind', 'at'],
  properties: { uid: { type: 'string' }, kind: { enum: ['a', 'b'] }, at: { type: 'string', format: 'date-time' } },
}
const good = { uid: '1', kind: 'a', at: '2026-03-01T10:00:00Z' }

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'riacho-schema-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const check = (value: unknown, of: object | string | URL = schema) => jsonSchema(of)['~standard'].validate(value)
const fileOf = (content: string): string => {
  const path = join(folder, 'schema.json')
  writeFileSync(path, content)
  return path
}

describe('jsonSchema', () => {
  it('hands on the very value', () => {
    const result = check(good)
    expect('value' in result && result.value).toBe(good)
  })

  it('says every reason with its path', () => {
    expect(check({ ...good, uid: 1, kind: 'c', at: 'noon' })).toEqual({
      issues: [
        { path: ['uid'], message: 'must be string' },
        { path: ['kind'], message: 'must be equal to one of the allowed values: "a", "b"' },
        { path: ['at'], message: 'must match format "date-time"' },
      ],
    })
  })

  it('sees own fields only', () => {
    const json = `{"__proto__": ${JSON.stringify(good)}}`
    expect(check(JSON.parse(json))).toHaveProperty('issues')
    expect(check(Object.create(good))).toHaveProperty('issues')
    expect({}).not.toHaveProperty('uid')
  })

  it('hands on an own __proto__ without taking it as prototype', () => {
    const value = JSON.parse(`{"__proto__": {"admin": true}, ${JSON.stringify(good).slice(1)}`)
    const result = check(value)
    expect('value' in result && result.value).toBe(value)
    expect((value as { admin?: boolean }).admin).toBeUndefined()
  })

  it('reads a file by its path or URL', () => {
    const path = fileOf(JSON.stringify(schema))
    expect(check(good, path)).toHaveProperty('value')
    expect(check({}, pathToFileURL(path))).toHaveProperty('issues')
  })

  it('knows draft 2020-12', () => {
    const tuple = { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'array', prefixItems: [{ type: 'string' }] }
    expect(check([1], tuple)).toHaveProperty('issues')
    expect(check(['x'], tuple)).toHaveProperty('value')
  })

  it.each([
    ['no JSON', '{'],
    ['a list', '[]'],
    ['a text', '"schema"'],
    ['an unknown type', '{"type": "strin"}'],
    ['an unknown keyword', '{"propertys": {}}'],
    ['an unknown format', '{"type": "string", "format": "date-tim"}'],
  ])('refuses a file that holds %s, and names it', (_what, content) => {
    const path = fileOf(content)
    expect(() => jsonSchema(path)).toThrow(expect.objectContaining({ code: 'RIACHO_JSON_SCHEMA', message: expect.stringContaining(path) }))
  })

  it('refuses a file that is missing, and names it', () => {
    const path = join(folder, 'missing.json')
    expect(() => jsonSchema(path)).toThrow(expect.objectContaining({ code: 'RIACHO_JSON_SCHEMA', message: expect.stringContaining(path) }))
  })
})
