import type { Type, types } from 'avsc'
import { failure } from './errors.ts'
import { partsOf } from './keys.ts'
import { type AvroSchema, compile } from './schema.ts'

/** A schema and what its constant is named after. */
export interface NamedSchema {
  /** Where it comes from: a file or a subject, for the first line. */
  readonly origin: string
  readonly schema: AvroSchema
}

/**
 * TypeScript of Avro schemas: a type for each record, enum and fixed, with the values that the serdes of this package make, and the schema as a constant, to be given to
 * them. Throws `RIACHO_AVRO_SCHEMA` when a schema is none, is not named, or when one name means two things.
 */
export function avroTypes(schemas: readonly NamedSchema[]): string {
  const made = new Map<string, { readonly text: string; readonly type: Type }>()
  const constants: string[] = []
  const taken = new Map<string, string>()
  for (const { origin, schema } of schemas) {
    const type = compile(schema)
    if (type.name === undefined)
      throw failure('RIACHO_AVRO_SCHEMA', `the schema of ${origin} has no name: only a record, an enum or a fixed can be a type`)
    declare(type, made, taken)
    const name = identifier(type.name, taken)
    const parsed: unknown = typeof schema === 'string' ? JSON.parse(schema) : schema
    constants.push(
      `/** The schema of {@link ${name}}. */\nexport const ${lowerFirst(name)}Schema = ${JSON.stringify(parsed, null, 2)} as const\n`,
    )
  }
  const origins = schemas.map(({ origin }) => origin).join(', ')
  return [
    `// Made by \`riacho avro types\` of ${origins}: change the schema and make it again.\n`,
    ...[...made.values()].map(({ text }) => text),
    ...constants,
  ].join('\n')
}

/** Declares the named types that a type is made of, and then itself. */
function declare(type: Type, made: Map<string, { text: string; type: Type }>, taken: Map<string, string>): void {
  const known = type.name === undefined ? undefined : made.get(type.name)
  if (known !== undefined) {
    if (
      known.type !== type &&
      JSON.stringify(known.type.schema({ exportAttrs: true })) !== JSON.stringify(type.schema({ exportAttrs: true }))
    )
      throw failure('RIACHO_AVRO_SCHEMA', `'${type.name}' means two things: make the types of one of them in another file`)
    return
  }
  const named = type.name !== undefined && !isLogical(type)
  // Before its parts, because it may hold itself.
  if (named) made.set(type.name!, { text: '', type })
  for (const part of partsOf(type)) declare(part, made, taken)
  if (!named) return
  made.delete(type.name!)
  made.set(type.name!, { text: declaration(type, taken), type })
}

const isLogical = (type: Type): boolean => type.typeName.startsWith('logical')

function declaration(type: Type, taken: Map<string, string>): string {
  const name = identifier(type.name!, taken)
  const doc = comment(type.doc, '')
  if (type.typeName !== 'record' && type.typeName !== 'error') return `${doc}export type ${name} = ${named(type)}\n`
  const fields = (type as types.RecordType).fields.map(field => {
    const { doc: words } = field as unknown as { doc?: string }
    return `${comment(words, '  ')}  readonly ${field.name}: ${reference(field.type, taken)}\n`
  })
  return `${doc}export interface ${name} {\n${fields.join('')}}\n`
}

const named = (type: Type): string =>
  type.typeName === 'enum' ? (type as types.EnumType).symbols.map(symbol => `'${symbol}'`).join(' | ') : 'Buffer'

/** The words of others may not end the comment. */
const comment = (words: string | undefined, indent: string): string =>
  words === undefined || words === '' ? '' : `${indent}/** ${words.replaceAll('*/', '*\\/').replace(/\s+/g, ' ').trim()} */\n`

const primitives: Readonly<Record<string, string>> = {
  null: 'null',
  boolean: 'boolean',
  int: 'number',
  long: 'number',
  float: 'number',
  double: 'number',
  bytes: 'Buffer',
  string: 'string',
}

/** How a type is written where it is used. */
function reference(type: Type, taken: Map<string, string>): string {
  const primitive = primitives[type.typeName]
  if (primitive !== undefined) return primitive
  // Those that this package turns are all text.
  if (isLogical(type)) return 'string'
  if (type.name !== undefined) return identifier(type.name, taken)
  if (type.typeName === 'array') return `readonly ${inParentheses(reference((type as types.ArrayType).itemsType, taken))}[]`
  if (type.typeName === 'map') return `Readonly<Record<string, ${reference((type as types.MapType).valuesType, taken)}>>`
  const branches = (type as types.UnwrappedUnionType).types
  if (type.typeName === 'union:unwrapped') return branches.map(branch => reference(branch, taken)).join(' | ')
  // Of branches that could not be told apart each value says which it is.
  return branches
    .map(branch => (branch.typeName === 'null' ? 'null' : `{ readonly '${branch.branchName}': ${reference(branch, taken)} }`))
    .join(' | ')
}

const inParentheses = (text: string): string => (text.includes(' ') ? `(${text})` : text)

/** The last part of a full name, or all of it when another one has that part too. */
function identifier(full: string, taken: Map<string, string>): string {
  for (const [name, owner] of taken) if (owner === full) return name
  const last = full.slice(full.lastIndexOf('.') + 1)
  const name = taken.has(last) || reserved.has(last) ? full.replaceAll('.', '_') + (full.includes('.') ? '' : '_') : last
  taken.set(name, full)
  return name
}

/** Names that mean something already where the types are used. */
const reserved = new Set([
  'Buffer',
  'Readonly',
  'Record',
  'string',
  'number',
  'boolean',
  'null',
  'any',
  'never',
  'unknown',
  'object',
  'symbol',
  'bigint',
  'void',
])

const lowerFirst = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1)
