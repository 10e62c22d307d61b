import { createHmac } from 'node:crypto'
import { lookup } from 'node:dns'
import { Agent as HttpAgent, type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'
import { RefusedAddress } from './errors.ts'
import type { WebhookSettings } from './options.ts'

/** Bytes of an answer that are read, so that its connection can be used again; of a longer one the connection is closed. */
const answerBytesMax = 64 << 10

/** Sends requests and looks at the status of their answers, nothing else. */
export class Client {
  readonly #settings: WebhookSettings
  readonly #agents: { readonly http: HttpAgent; readonly https: HttpsAgent }

  constructor(settings: WebhookSettings) {
    this.#settings = settings
    const options = { keepAlive: true, maxSockets: settings.requestsMax, maxFreeSockets: settings.requestsMax }
    this.#agents = { http: new HttpAgent(options), https: new HttpsAgent(options) }
  }

  /** The status of the answer. Rejects when there is none in time. */
  async post(url: URL, headers: Readonly<Record<string, string>>, body: Uint8Array, signal: AbortSignal): Promise<number> {
    const { timeout, allowPrivate } = this.#settings
    const secure = url.protocol === 'https:'
    const options: RequestOptions = {
      method: 'POST',
      headers: { ...headers, 'content-length': body.length },
      agent: secure ? this.#agents.https : this.#agents.http,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
      ...(!allowPrivate && { lookup: guardedLookup }),
    }
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = (secure ? requestHttps : requestHttp)(url, options, resolve)
      sent.once('error', reject)
      sent.end(body)
    })
    discard(answer)
    return answer.statusCode ?? 0
  }

  close(): void {
    this.#agents.http.destroy()
    this.#agents.https.destroy()
  }
}

/** The status is known: what else comes is nobody's concern. */
function discard(answer: IncomingMessage): void {
  let bytes = 0
  answer.on('error', () => {})
  answer.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > answerBytesMax) answer.destroy()
  })
}

/**
 * The address of a record. Throws {@link RefusedAddress}: users choose these addresses, and may not make this process talk to what only it can reach (server-side request
 * forgery). Names are checked when they are resolved, by {@link guardedLookup}.
 */
export function allowedUrl(text: string | URL, allowPrivate: boolean): URL {
  const url = new URL(text)
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:'))
    throw new RefusedAddress(`${url.protocol} is not called, only https:`)
  if (url.username !== '' || url.password !== '') throw new RefusedAddress('an address may not hold a password')
  // A literal address is never looked up.
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (!allowPrivate && isIP(host) !== 0) check(host)
  return url
}

/** Looks a name up as Node does, and refuses addresses that are not of the public internet: the address that is checked is the one that is called. */
const guardedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, [])
    try {
      for (const { address } of addresses) check(address)
    } catch (refused) {
      return callback(refused as Error, [])
    }
    if (options.all) return callback(null, addresses)
    callback(null, addresses[0]!.address, addresses[0]!.family)
  })
}

function check(address: string): void {
  // An IPv4 address within an IPv6 one is the IPv4 address.
  const range = ipaddr.process(address).range()
  if (range !== 'unicast') throw new RefusedAddress(`${address} is not of the public internet (${range})`)
}

/** The headers that prove who sent a body, and when (https://www.standardwebhooks.com). `now` in epoch milliseconds. */
export function signatureHeaders(secrets: readonly Buffer[], id: string, body: Uint8Array, now: number): Record<string, string> {
  const timestamp = String(Math.floor(now / 1000))
  const signatures = secrets.map(secret => {
    const signed = createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(body)
    return `v1,${signed.digest('base64')}`
  })
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}
