import { RiachoError, reasonOf } from '@riacho/streams/engine'
import avsc, { type ForSchemaOptions, type Schema, type Type } from 'avsc'
import { failure } from './errors.ts'
import { logicalTypes } from './logical-types.ts'

/** An Avro schema as JSON: an object, the array of a union, or a name. */
export type AvroSchema =
  | string
  | readonly AvroSchema[]
  | { readonly type: AvroSchema | { readonly [name: string]: unknown }; readonly [attribute: string]: unknown }

/** What a schema may be: a registry belongs to other people too, and avsc makes code of what it holds. */
const schemaLimits = { depth: 64, parts: 50_000, characters: 1 << 20 } as const

/** The options with which every type is made: two types can only be resolved when they were made alike. */
export function compileOptions(): Partial<ForSchemaOptions> {
  const checked = new WeakSet<object>()
  const check = (schema: unknown): void => {
    if (typeof schema !== 'object' || schema === null || checked.has(schema)) return
    checkParts(schema, checked)
  }
  return {
    logicalTypes,
    omitRecordMethods: true,
    // It is called for the whole first, before anything is made of its parts.
    typeHook: (schema: Schema) => check(schema) as undefined,
  }
}

function checkParts(root: object, checked: WeakSet<object>): void {
  let parts = 0
  let characters = 0
  const visit = (part: unknown, depth: number): void => {
    if (typeof part === 'string') characters += part.length
    if (++parts > schemaLimits.parts || depth > schemaLimits.depth || characters > schemaLimits.characters)
      throw failure('RIACHO_AVRO_SCHEMA', `a schema has at most ${schemaLimits.depth} levels, ${schemaLimits.parts} parts and 1 MiB`)
    if (typeof part !== 'object' || part === null) return
    checked.add(part)
    for (const [name, inner] of Object.entries(part)) {
      characters += name.length
      // As a name of a field it would be no field but another prototype.
      if (name === 'name' && inner === '__proto__') throw failure('RIACHO_AVRO_SCHEMA', "a field cannot be named '__proto__'")
      visit(inner, depth + 1)
    }
  }
  visit(root, 0)
}

/** The type of a schema, given as JSON or as its text. Throws `RIACHO_AVRO_SCHEMA`. */
export function compile(schema: AvroSchema): Type {
  try {
    const parsed = typeof schema === 'string' && /^\s*[[{"]/.test(schema) ? (JSON.parse(schema) as Schema) : (schema as Schema)
    return avsc.Type.forSchema(parsed, compileOptions())
  } catch (thrown) {
    throw thrown instanceof RiachoError ? thrown : failure('RIACHO_AVRO_SCHEMA', `this is no Avro schema: ${reasonOf(thrown)}`, thrown)
  }
}
