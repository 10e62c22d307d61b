import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { avroTypes } from './avro-types.ts'
import type { AvroSchema } from './schema.ts'

const schema = {
  type: 'record',
  name: 'Pulse',
  namespace: 'io.cloud',
  doc: 'What a tenant used. */ process.exit() /*',
  fields: [
    { name: 'tenant', type: 'string', doc: 'Who' },
    { name: 'amount', type: { type: 'bytes', logicalType: 'decimal', precision: 12, scale: 3 } },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'day', type: { type: 'int', logicalType: 'date' } },
    { name: 'unit', type: { type: 'enum', name: 'Unit', symbols: ['GB', 'HOUR'] } },
    { name: 'note', type: ['null', 'string'], default: null },
    { name: 'either', type: ['null', 'int', 'double'] },
    { name: 'labels', type: { type: 'map', values: 'string' } },
    { name: 'parts', type: { type: 'array', items: ['null', 'Pulse'] } },
    { name: 'raw', type: { type: 'fixed', name: 'Raw', size: 2 } },
  ],
} as const

it('makes the types of the values that the serde makes', () => {
  expect(
    avroTypes([{ origin: 'pulse.avsc', schema }]).split('export const')[0],
  ).toBe(`// Made by \`riacho avro types\` of pulse.avsc: change the schema and make it again.

export type Unit = 'GB' | 'HOUR'

export type Raw = Buffer

/** What a tenant used. *\\/ process.exit() /* */
export interface Pulse {
  /** Who */
  readonly tenant: string
  readonly amount: string
  readonly at: number
  readonly day: string
  readonly unit: Unit
  readonly note: null | string
  readonly either: null | { readonly 'int': number } | { readonly 'double': number }
  readonly labels: Readonly<Record<string, string>>
  readonly parts: readonly (null | Pulse)[]
  readonly raw: Raw
}

/** The schema of {@link Pulse}. */
`)
})

it('makes what TypeScript takes, and a schema that a serde takes', () => {
  const folder = mkdtempSync(fileURLToPath(new URL('types-', import.meta.url)))
  try {
    writeFileSync(join(folder, 'pulse.ts'), avroTypes([{ origin: 'pulse.avsc', schema: JSON.stringify(schema) }]))
    const use = `import { avroBinary } from '../avro-binary.ts'
import { type Pulse, pulseSchema } from './pulse.ts'
const serde = avroBinary<Pulse>(pulseSchema)
const value: Pulse = { tenant: 'a', amount: '1.000', at: 5, day: '2026-11-21', unit: 'GB', note: null, either: { int: 5 }, labels: {}, parts: [null], raw: Buffer.of(1, 2) }
// @ts-expect-error no unit
export const wrong: Pulse = { ...value, unit: 'KM' }
console.log(JSON.stringify(serde.decode(serde.encode(value))))
`
    writeFileSync(join(folder, 'use.ts'), use)
    const root = fileURLToPath(new URL('../../../', import.meta.url))
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: join(root, 'tsconfig.base.json'), include: ['*.ts'] }))
    execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], { encoding: 'utf8' })
    const printed = execFileSync(process.execPath, [join(folder, 'use.ts')], { encoding: 'utf8' })
    expect(JSON.parse(printed)).toMatchObject({ amount: '1.000', day: '2026-11-21', unit: 'GB', either: { int: 5 } })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

it('gives two types of one short name their full ones, and refuses one full name for two things', () => {
  const named = (namespace: string, type: string): AvroSchema => ({
    type: 'record',
    name: 'Event',
    namespace,
    fields: [{ name: 'a', type }],
  })
  const text = avroTypes([
    { origin: 'a', schema: named('x', 'int') },
    { origin: 'b', schema: named('y', 'string') },
  ])
  expect(text).toContain('export interface Event {')
  expect(text).toContain('export interface y_Event {')
  const twice = [named('x', 'int'), named('x', 'string')].map(one => ({ origin: 'c', schema: one }))
  expect(() => avroTypes(twice)).toThrow("'x.Event' means two things")
  expect(() => avroTypes([{ origin: 'd', schema: { type: 'array', items: 'int' } }])).toThrow('has no name')
})
