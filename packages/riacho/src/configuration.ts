import { readFileSync } from 'node:fs'
import { reasonOf } from '@riacho/streams/engine'
import { z } from 'zod'
import { failure } from './errors.ts'

const wholeNumber = (min: number, max: number) =>
  z.preprocess(raw => (typeof raw === 'string' && /^-?\d+$/.test(raw) ? Number(raw) : raw), z.number().int().min(min).max(max))
const yesOrNo = z.preprocess(raw => (raw === 'true' ? true : raw === 'false' ? false : raw), z.boolean())
const day = 86_400_000

/** Each setting: what is accepted, and the words for it. */
const table = {
  bootstrapServers: [z.string().regex(/^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$/), 'host:port, several separated by commas'],
  commandConfig: [z.string().min(1), "the path of a file of Kafka's client properties: security.protocol, sasl.*, ssl.*"],
  client: [
    z.enum(['riacho', 'confluent']),
    "riacho or confluent: how a cluster is talked to; confluent is Confluent's client, which has to be installed",
  ],
  dataDir: [z.string().min(1), 'the path of a folder'],
  guarantee: [z.enum(['at-least-once', 'exactly-once']), 'at-least-once or exactly-once'],
  commitIntervalMs: [wholeNumber(0, day), `a whole number of milliseconds from 0 to ${day}`],
  commitDrainMs: [
    wholeNumber(1, day),
    'a whole number of milliseconds: how long a commit waits for what is being written to other systems, pauses between tries included; exactly once 20000 at most',
  ],
  maxTaskIdleMs: [wholeNumber(-1, day), `a whole number of milliseconds from -1 to ${day}`],
  offsetReset: [
    z.enum(['earliest', 'latest', 'none']),
    'earliest, latest or none: where topics are read of which nothing is committed, or of which what comes next is gone',
  ],
  replicationFactor: [wholeNumber(1, 32_767), 'a whole number: on how many brokers internal topics are kept'],
  changelogAdditionalRetentionMs: [
    wholeNumber(0, 100 * 366 * day),
    'a whole number of milliseconds: for how long a cluster keeps rows of windows beyond the time for which they are needed',
  ],
  keepStreamTime: [yesOrNo, 'true or false'],
  stateStore: [z.enum(['memory', 'lmdb']), 'memory or lmdb: where state is kept, lmdb in files below dataDir'],
  connectUrl: [
    z.string().regex(/^https?:\/\/\S+$/),
    'the address of a worker of Kafka Connect whose connectors are a part of the health, such as http://localhost:8083',
  ],
  httpPort: [wholeNumber(0, 65_535), 'a port from 0 (any free one) to 65535'],
  httpHost: [z.string().min(1), 'a host name or address to listen on'],
  logLevel: [z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']), 'trace, debug, info, warn, error, fatal or silent'],
  shutdownTimeoutMs: [wholeNumber(1, day), `a whole number of milliseconds from 1 to ${day}`],
} as const satisfies Record<string, readonly [z.ZodType, string]>

type Name = keyof typeof table
const names = Object.keys(table) as Name[]

/** Settings of a run, checked. What is undefined is left to the engine, or, as `dataDir`, to the topology. */
export type Settings = { readonly [N in Name]?: z.output<(typeof table)[N][0]> } & {
  readonly httpHost: string
  readonly logLevel: string
  readonly shutdownTimeoutMs: number
}

/** Where settings come from, weakest first: a file, the environment, flags. */
export interface SettingOrigins {
  /** Default: `riacho.config.json`, if there is one. */
  readonly file?: string | undefined
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  readonly flags?: Readonly<Partial<Record<Name, unknown>>> | undefined
}

const defaultFile = 'riacho.config.json'
const defaults = { httpHost: '127.0.0.1', logLevel: 'info', shutdownTimeoutMs: 30_000 } as const

/** A setting's name in the environment: `commitIntervalMs` is `RIACHO_COMMIT_INTERVAL_MS`. */
export const variableOf = (name: string): string => `RIACHO_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`

/** A setting's name as a flag: `commitIntervalMs` is `--commit-interval-ms`. */
export const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, '-$&').toLowerCase()}`

/** The settings, and what is allowed for each: what `--help` shows. */
export const allowedSettings: readonly { readonly name: string; readonly allowed: string }[] = names.map(name => ({
  name,
  allowed: table[name][1],
}))

/**
 * The settings of a run. Throws `RIACHO_SETTING`, which names the setting, where it came from and what is allowed, and `RIACHO_CONFIGURATION_FILE`.
 *
 * @example
 * configure({ environment: process.env, flags: { guarantee: 'exactly-once' } })
 */
export function configure(from: SettingOrigins): Settings {
  const found = new Map<Name, unknown>(Object.entries(defaults) as [Name, unknown][])
  const path = from.file ?? defaultFile
  for (const [name, raw] of Object.entries(readSettings(path, from.file !== undefined))) {
    if (!names.includes(name as Name)) throw failure('RIACHO_SETTING', `${name} in ${path} is no setting: there are ${names.join(', ')}`)
    found.set(name as Name, checked(name as Name, raw, `in ${path}`))
  }
  for (const name of names) {
    const variable = variableOf(name)
    const raw = from.environment?.[variable]
    if (raw !== undefined && raw !== '') found.set(name, checked(name, raw, `from the environment variable ${variable}`))
  }
  for (const [name, raw] of Object.entries(from.flags ?? {}) as [Name, unknown][]) {
    if (raw !== undefined) found.set(name, checked(name, raw, `from ${flagOf(name)}`))
  }
  return Object.freeze(Object.fromEntries(found)) as unknown as Settings
}

function checked(name: Name, raw: unknown, origin: string): unknown {
  const [schema, allowed] = table[name]
  const result = schema.safeParse(raw)
  if (result.success) return result.data
  throw failure('RIACHO_SETTING', `${name} ${origin} is ${JSON.stringify(raw)?.slice(0, 200)}: give ${allowed}`)
}

function readSettings(path: string, mustExist: boolean): Record<string, unknown> {
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (thrown) {
    if (!mustExist && (thrown as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw failure('RIACHO_CONFIGURATION_FILE', `${path} cannot be read: correct the path or its permissions`, thrown)
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(content)
  } catch (thrown) {
    throw failure('RIACHO_CONFIGURATION_FILE', `${path} is no JSON (${reasonOf(thrown)}): correct it`, thrown)
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Record<string, unknown>
  throw failure('RIACHO_CONFIGURATION_FILE', `${path} holds no JSON object: write { "guarantee": "exactly-once", … }`)
}
