import { readFileSync } from 'node:fs'
import { float64, int32, int64, json } from '@riacho/streams'
import { NotReady, reasonOf, type Serde } from '@riacho/streams/engine'
import { loadSerdes } from '../avro.ts'
import { failure } from '../errors.ts'
import { readable } from '../readable.ts'

/** How the key or the value of a record stands in a line. All of these throw when it does not fit. */
export interface Form {
  /** The bytes that a line, or a part of one, stands for. */
  ofText(text: Buffer): Uint8Array
  /** The bytes of what a document of JSON holds in its place. */
  ofJson(value: unknown): Uint8Array
  /** What a document of JSON holds in place of these bytes. */
  toJson(bytes: Uint8Array): unknown
  /** Asks for what writing needs. */
  prepare(): Promise<void>
  close(): void
}

/** What a form needs to know beside its name. */
export interface FormPlace {
  readonly topic: string
  readonly part: 'key' | 'value'
  /** The address of a schema registry. */
  readonly registry?: string | undefined
}

/** The names of forms, for a command's help. */
export const formNames =
  'text, json, bytes (base64), int32, int64 or long, float64 or double, avro[=SUBJECT] of a registry, avro-file=SCHEMA.avsc, connect-json[=SCHEMA.json], debezium'

const numbers: ReadonlyMap<string, Serde<number>> = new Map(Object.entries({ int32, int64, long: int64, float64, double: float64 }))

/** The form of this name. Rejects with `RIACHO_FORM`, and `RIACHO_NO_SERDES` when a package is missing. */
export async function formOf(name: string, place: FormPlace): Promise<Form> {
  const [kind, argument] = name.split(/=(.*)/s) as [string, string | undefined]
  if (argument === undefined) {
    if (kind === 'text') return text
    if (kind === 'bytes') return base64
    if (kind === 'json') return jsonForm
    const number = numbers.get(kind)
    if (number !== undefined) return encoded(number as Serde<unknown>)
    if (kind === 'debezium') return encoded((await loadSerdes()).debezium())
  }
  if (kind === 'connect-json') {
    const { connectJson } = await loadSerdes()
    return encoded(connectJson(argument === undefined ? {} : { schema: schemaIn(argument) as never }), true)
  }
  if (kind === 'avro-file' && argument !== undefined) {
    const { avroBinary } = await loadSerdes()
    return encoded(avroBinary(schemaIn(argument) as never), true)
  }
  if (kind === 'avro') return registered(argument ?? `${place.topic}-${place.part}`, place)
  throw failure('RIACHO_FORM', `${place.part} '${name}' is no form: give one of ${formNames}`)
}

async function registered(subject: string, { part, registry: url }: FormPlace): Promise<Form> {
  if (url === undefined) throw failure('RIACHO_FORM', `the ${part} is Avro of a registry: give --registry, or avro-file=SCHEMA.avsc`)
  const { avro, schemaRegistry } = await loadSerdes()
  const registry = schemaRegistry(addressOf(url))
  return { ...encoded(avro(subject, { registry }), true), close: () => registry.close() }
}

/** An address, without the name and the password that may stand in it. */
function addressOf(text: string): { url: string; auth?: { username: string; password: string } } {
  if (!URL.canParse(text)) throw failure('RIACHO_FORM', '--registry is no address: give one such as http://localhost:8081')
  const url = new URL(text)
  const auth = { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) }
  url.username = ''
  url.password = ''
  return { url: url.href, ...(auth.username !== '' && { auth }) }
}

function schemaIn(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (thrown) {
    throw failure('RIACHO_FORM', `${path} holds no schema (${reasonOf(thrown)}): correct the path or the file`, thrown)
  }
}

const still = { prepare: async () => {}, close: () => {} }

/** Text as it is; bytes that are none are shown as base64, so that nothing is lost. */
export const text: Form = {
  ...still,
  ofText: line => line,
  ofJson: value => (typeof value === 'string' ? Buffer.from(value) : bytesOf(value)),
  toJson: readable,
}

const base64: Form = {
  ...still,
  ofText: line => bytesOf({ base64: line.toString() }),
  ofJson: value => bytesOf(typeof value === 'string' ? { base64: value } : value),
  toJson: bytes => ({ base64: Buffer.from(bytes).toString('base64') }),
}

const document = json<unknown>()

const jsonForm: Form = {
  ...still,
  ofText: line => {
    document.decode(line)
    return line
  },
  ofJson: value => document.encode(value),
  toJson: bytes => document.decode(bytes),
}

/** What a serde makes of JSON. `bytes`: its values may hold bytes, which stand in JSON as `{ "base64": "…" }`. */
function encoded(serde: Serde<unknown>, bytes = false): Form {
  const ofJson = (value: unknown): Uint8Array => serde.encode(bytes ? withBytes(value) : value)
  return {
    prepare: async () => serde.prepare?.(),
    close: () => {},
    ofText: line => ofJson(document.decode(line)),
    ofJson,
    toJson: raw => (bytes ? withoutBytes(serde.decode(raw)) : serde.decode(raw)),
  }
}

/** The bytes for which `{ "base64": "…" }` stands in JSON. Throws when it is something else. */
function bytesOf(value: unknown): Buffer {
  const given = (value as { base64?: unknown } | null)?.base64
  if (typeof given !== 'string') throw new TypeError('it is neither text nor { "base64": "…" }')
  const bytes = Buffer.from(given, 'base64')
  if (bytes.toString('base64') !== given) throw new TypeError('it is no base64')
  return bytes
}

/** Each part of a value, as `change` says of it before its own parts are looked at. */
function changed(value: unknown, change: (part: object) => unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const instead = change(value)
  if (instead !== value) return instead
  if (Array.isArray(value)) return value.map(part => changed(part, change))
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, changed(part, change)]))
}

const withBytes = (value: unknown): unknown =>
  changed(value, part => (Object.keys(part).length === 1 && 'base64' in part ? bytesOf(part) : part))

const withoutBytes = (value: unknown): unknown =>
  changed(value, part => (part instanceof Uint8Array ? { base64: Buffer.from(part).toString('base64') } : part))

/** Longest wait for what a form has to ask for, such as a schema. */
const readyMs = 30_000

/** What `form` makes of bytes, once it has what it needs. Rejects with `RIACHO_FORM`. */
export async function shownAs(form: Form, bytes: Uint8Array | null): Promise<unknown> {
  if (bytes === null) return null
  const until = performance.now() + readyMs
  for (;;) {
    try {
      return form.toJson(bytes)
    } catch (thrown) {
      if (!(thrown instanceof NotReady)) throw thrown
      if (performance.now() > until) throw failure('RIACHO_FORM', `${reasonOf(thrown)}, and there is no answer`, thrown)
      await thrown.until
    }
  }
}
