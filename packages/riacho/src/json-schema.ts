import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Schema } from '@riacho/streams'
import { RiachoError, reasonOf } from '@riacho/streams/engine'
import { Ajv, type ErrorObject, type Options } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { failure } from './errors.ts'

const options: Options = {
  allErrors: true,
  ownProperties: true,
  strict: true,
  strictTypes: false,
  strictRequired: false,
  strictTuples: false,
}

/**
 * A JSON Schema (draft 7, or 2020-12 when `$schema` says so; formats included) as a schema for `validate`: an object, the path of a file, or its URL. The value is
 * checked and handed on as it is, never copied or completed. Throws `RIACHO_JSON_SCHEMA`, which names the file.
 *
 * @example
 * raw.pipe(validate(jsonSchema<Event>('schema/event.json'), { onError: { deadLetter: 'events-invalid' } }))
 */
export function jsonSchema<V>(schema: object | string | URL): Schema<V> {
  const file = typeof schema === 'string' ? schema : schema instanceof URL ? fileURLToPath(schema) : undefined
  const check = compile(file === undefined ? schema : parse(file), file ?? 'the JSON Schema')
  return {
    '~standard': {
      version: 1,
      vendor: 'riacho-json-schema',
      validate: (value: unknown) => (check(value) ? { value: value as V } : { issues: (check.errors ?? []).map(issueOf) }),
    },
  } as Schema<V>
}

function parse(file: string): unknown {
  let content: string
  try {
    content = readFileSync(file, 'utf8')
  } catch (thrown) {
    throw failure('RIACHO_JSON_SCHEMA', `${file} cannot be read (${reasonOf(thrown)}): correct the path or its permissions`, thrown)
  }
  try {
    return JSON.parse(content)
  } catch (thrown) {
    throw failure('RIACHO_JSON_SCHEMA', `${file} is no JSON (${reasonOf(thrown)}): correct it`, thrown)
  }
}

function compile(schema: unknown, name: string) {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
    throw failure('RIACHO_JSON_SCHEMA', `${name} is no JSON Schema: it must be an object such as { "type": "object", … }`)
  }
  try {
    const is2020 = String((schema as { $schema?: unknown }).$schema ?? '').includes('2020-12')
    const ajv = is2020 ? new Ajv2020(options) : new Ajv(options)
    formats.default(ajv as Ajv)
    return ajv.compile(schema)
  } catch (thrown) {
    if (thrown instanceof RiachoError) throw thrown
    throw failure('RIACHO_JSON_SCHEMA', `${name} is no JSON Schema (${reasonOf(thrown)}): correct it`, thrown)
  }
}

/** `/context must be one of …`: where, what is wrong, what is allowed. */
function issueOf({ instancePath, message, params }: ErrorObject): { message: string; path: string[] } {
  const path = instancePath
    .split('/')
    .slice(1)
    .map(step => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  const allowed = 'allowedValues' in params ? `: ${(params.allowedValues as unknown[]).map(value => JSON.stringify(value)).join(', ')}` : ''
  return { message: `${message ?? 'is invalid'}${allowed}`, path }
}
