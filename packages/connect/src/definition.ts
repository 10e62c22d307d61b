import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { reasonOf } from '@riacho/streams/engine'
import { failure } from './errors.ts'

/** A connector as it should be. */
export interface ConnectorDefinition {
  readonly name: string
  readonly config: Readonly<Record<string, string>>
}

/**
 * The connectors of a file, or of all `.json` files of a folder: each `{ "name", "config" }`, as one posts them to Connect, or only the configuration, which is then named
 * after its file. Throws `RIACHO_CONNECTOR`.
 */
export function readConnectors(path: string): readonly ConnectorDefinition[] {
  const found = filesOf(path).map(definitionOf)
  if (found.length === 0) throw failure('RIACHO_CONNECTOR', `${path} holds no .json file: each describes one connector`)
  const names = found.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw failure('RIACHO_CONNECTOR', `two files of ${path} describe '${twice}': keep one of them`)
  return found
}

function filesOf(path: string): readonly string[] {
  try {
    if (!statSync(path).isDirectory()) return [path]
    const names = readdirSync(path).filter(name => name.endsWith('.json'))
    return names.sort().map(name => join(path, name))
  } catch (thrown) {
    throw failure('RIACHO_CONNECTOR', `${path} cannot be read (${reasonOf(thrown)}): give a file or a folder`, thrown)
  }
}

function definitionOf(file: string): ConnectorDefinition {
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'))
  } catch (thrown) {
    throw failure('RIACHO_CONNECTOR', `${file} is no JSON that can be read: ${reasonOf(thrown)}`, thrown)
  }
  const whole = asObject(parsed, file)
  const config = 'config' in whole ? asObject(whole.config, file) : whole
  const name = whole.name ?? config.name ?? basename(file, '.json')
  if (typeof name !== 'string' || name === '') throw failure('RIACHO_CONNECTOR', `${file}: a connector's name is text`)
  if (config.name !== undefined && config.name !== name)
    throw failure('RIACHO_CONNECTOR', `${file}: the configuration names it '${String(config.name)}', not '${name}'`)
  if (typeof config['connector.class'] !== 'string') throw failure('RIACHO_CONNECTOR', `${file}: the configuration has no connector.class`)
  const entries = Object.entries(config).map(([key, value]) => [key, settingOf(value, key, file)] as const)
  return { name, config: Object.fromEntries([...entries, ['name', name]]) }
}

function asObject(value: unknown, file: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>
  throw failure('RIACHO_CONNECTOR', `${file} is no connector: write { "name": …, "config": { "connector.class": …, … } }`)
}

/** Connect keeps all settings as text. */
function settingOf(value: unknown, key: string, file: string): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw failure('RIACHO_CONNECTOR', `${file}: '${key}' is text, a number or a boolean`)
}
