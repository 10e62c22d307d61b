import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { reasonOf } from '@riacho/streams/engine'
import type { Command } from 'commander'
import { failure } from './errors.ts'

interface TypesFlags {
  readonly registry?: string
  readonly subject?: readonly string[]
  readonly to?: string
}

/** Avro, and what Kafka Connect writes, is a package of its own, installed by those who need it. Rejects with `RIACHO_NO_SERDES`. */
export async function loadSerdes() {
  try {
    return await import('@riacho/serdes')
  } catch (thrown) {
    throw failure('RIACHO_NO_SERDES', 'Avro and what Kafka Connect writes need their package: install @riacho/serdes', thrown)
  }
}

/** Adds `avro types` to the program. */
export function addAvro(program: Command, print: (line: string) => Promise<void>): readonly Command[] {
  const avro = program.command('avro').description('work with Avro schemas')
  const types = avro
    .command('types [paths...]')
    .description('print TypeScript types of schemas: of .avsc files, of folders of them, or of subjects of a registry')
    .option('--registry <url>', 'a schema registry')
    .option('--subject <subject...>', "of the registry: the subjects' latest schemas")
    .option('--to <file>', 'write them into this file instead')
    .action(async (paths: string[], flags: TypesFlags) => {
      const text = await typesOf(paths, flags)
      if (flags.to === undefined) await print(text.trimEnd())
      else writeFileSync(flags.to, text)
    })
  return [avro, types]
}

async function typesOf(paths: readonly string[], { registry: url, subject: subjects = [] }: TypesFlags): Promise<string> {
  if (paths.length + subjects.length === 0)
    throw failure('RIACHO_INPUT', 'no schema is named: give .avsc files, or --registry and --subject')
  if ((url === undefined) !== (subjects.length === 0)) throw failure('RIACHO_INPUT', '--registry and --subject go together: give both')
  const { avroTypes, schemaRegistry } = await loadSerdes()
  const named: Parameters<typeof avroTypes>[0][number][] = paths.flatMap(filesOf).map(file => ({ origin: file, schema: read(file) }))
  if (url !== undefined) {
    const registry = schemaRegistry({ url })
    for (const subject of subjects) named.push({ origin: subject, schema: await registry.latestSchema(subject) })
    registry.close()
  }
  return avroTypes(named)
}

function filesOf(path: string): readonly string[] {
  try {
    if (!statSync(path).isDirectory()) return [path]
    const names = readdirSync(path).filter(name => name.endsWith('.avsc'))
    if (names.length > 0) return names.sort().map(name => join(path, name))
  } catch (thrown) {
    throw unreadable(path, thrown)
  }
  throw failure('RIACHO_INPUT', `${path} holds no .avsc file: give another folder`)
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (thrown) {
    throw unreadable(file, thrown)
  }
}

const unreadable = (path: string, thrown: unknown) =>
  failure('RIACHO_INPUT', `${path} cannot be read (${reasonOf(thrown)}): correct the path or its permissions`, thrown)
