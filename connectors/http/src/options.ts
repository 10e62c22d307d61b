import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { StreamRecord } from '@riacho/streams'
import { optionError } from './errors.ts'

/** What `webhook` takes. */
export interface WebhookOptions<K, V> {
  /** Where a record goes. Called once per try; what it throws, or what is no address, makes the record a poison one. */
  readonly url: (value: V, record: StreamRecord<K, V>) => string | URL
  /** The secret that signs requests as Standard Webhooks say: `whsec_` and base64, of 24 to 64 bytes. Several sign with each, so that secrets can be changed. */
  readonly secret: string | readonly string[]
  /** The body. Default: the value as JSON. */
  readonly body?: (value: V, record: StreamRecord<K, V>) => string | Uint8Array
  /** Default: `application/json`. */
  readonly contentType?: string
  /** What tells deliveries apart (`webhook-id`): the same for each try, so that a receiver can drop what comes again. Default: a hash of address, key, time and body. */
  readonly id?: (value: V, record: StreamRecord<K, V>) => string
  /** Further headers, such as `user-agent`. */
  readonly headers?: Readonly<Record<string, string>>
  /** Milliseconds until a request without an answer is given up. Default 10,000. */
  readonly timeout?: number
  /** Requests at once. Records with one key go one after the other. Default 16. */
  readonly requestsMax?: number
  /** Also calls addresses of this machine and of private networks, and plain `http:`. For tests and closed networks only. Default false. */
  readonly allowPrivate?: boolean
  /** Default: `webhook`. */
  readonly name?: string
}

/** Options after their check. */
export interface WebhookSettings {
  readonly name: string
  readonly secrets: readonly Buffer[]
  readonly headers: Readonly<Record<string, string>>
  readonly timeout: number
  readonly requestsMax: number
  readonly allowPrivate: boolean
}

const prefix = 'whsec_'
/** What the sink itself sends. */
const reserved = new Set([
  'content-length',
  'content-type',
  'host',
  'transfer-encoding',
  'webhook-id',
  'webhook-signature',
  'webhook-timestamp',
])

function secretOf(text: string): Buffer {
  const bytes = Buffer.from(text.startsWith(prefix) ? text.slice(prefix.length) : '', 'base64')
  if (bytes.length >= 24 && bytes.length <= 64) return bytes
  throw optionError(`a secret is ${prefix} and base64 of 24 to 64 bytes: make one with openssl rand -base64 32`)
}

function checkHeader(name: string, value: string): void {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
  } catch {
    // Its value may be a secret.
    throw optionError(`the header ${JSON.stringify(name)} cannot be sent: give a name and a value of printable characters`)
  }
}

/** Checks the options. Throws `RIACHO_HTTP_OPTION`. */
export function settingsOf<K, V>(options: WebhookOptions<K, V>): WebhookSettings {
  const { secret, headers = {}, contentType = 'application/json', timeout = 10_000, requestsMax = 16 } = options
  const secrets = (typeof secret === 'string' ? [secret] : secret).map(secretOf)
  if (secrets.length === 0) throw optionError('secret is empty: give at least one')
  for (const [name, number] of Object.entries({ timeout, requestsMax }))
    if (!(Number.isSafeInteger(number) && number > 0)) throw optionError(`${name} is ${number}: give a whole number above 0`)
  for (const [header, value] of Object.entries({ ...headers, 'content-type': contentType })) checkHeader(header, value)
  for (const header of Object.keys(headers))
    if (reserved.has(header.toLowerCase())) throw optionError(`the header ${header} is the sink's own: leave it out`)
  const { name = 'webhook', allowPrivate = false } = options
  return { name, secrets, headers: { ...headers, 'content-type': contentType }, timeout, requestsMax, allowPrivate }
}
