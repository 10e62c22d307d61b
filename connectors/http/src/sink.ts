import { createHash } from 'node:crypto'
import { validateHeaderValue } from 'node:http'
import { type Sink, SinkError, type StreamRecord } from '@riacho/streams'
import { reasonOf } from '@riacho/streams/engine'
import { allowedUrl, Client, signatureHeaders } from './client.ts'
import { batchError, heldBack, refusal, unanswered } from './errors.ts'
import { settingsOf, type WebhookOptions, type WebhookSettings } from './options.ts'

/**
 * A sink that posts each record to the address that it names, signed as Standard Webhooks say. Only addresses of the public internet are called.
 *
 * @example
 * persist(webhook({ url: order => order.callback, secret: process.env.WEBHOOK_SECRET! }), { onError: { deadLetter: 'undelivered' } })
 *
 * Throws `RIACHO_HTTP_OPTION`. `write` rejects with a SinkError whose `failures` say which records were not delivered; all others were. One is transient for no answer and for 408,
 * 409, 425, 429 and 5xx; poison for other answers and for addresses that may not be called.
 */
export const webhook = <K, V>(options: WebhookOptions<K, V>): Sink<K, V> => new WebhookSink(settingsOf(options), options)

interface Request {
  readonly url: URL
  readonly id: string
  readonly body: Uint8Array
}

class WebhookSink<K, V> implements Sink<K, V> {
  readonly name: string
  /** A delivery that is tried again arrives again, with the same id. */
  readonly idempotent = false
  readonly #settings: WebhookSettings
  readonly #options: WebhookOptions<K, V>
  #users = 0
  #client: Client | undefined

  constructor(settings: WebhookSettings, options: WebhookOptions<K, V>) {
    this.name = settings.name
    this.#settings = settings
    this.#options = options
  }

  async open(): Promise<void> {
    this.#users++
    this.#client ??= new Client(this.#settings)
  }

  async close(): Promise<void> {
    if (this.#users === 0 || --this.#users > 0) return
    this.#client?.close()
    this.#client = undefined
  }

  async write(batch: readonly StreamRecord<K, V | null>[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const client = this.#client
    if (client === undefined) throw new SinkError('permanent', `${this.name} is not open: call open() first`)
    const lanes = lanesOf(batch)
    const failures = new Map<number, SinkError>()
    const work = async (): Promise<void> => {
      for (let lane = lanes.pop(); lane !== undefined; lane = lanes.pop()) await this.#deliver(client, batch, lane, failures, signal)
    }
    await Promise.all(Array.from({ length: Math.min(this.#settings.requestsMax, lanes.length) }, work))
    if (failures.size > 0) throw batchError(this.name, batch.length, failures)
  }

  /** Records of one key, one after the other; behind one that may be delivered later the others wait. */
  async #deliver(
    client: Client,
    batch: readonly StreamRecord<K, V | null>[],
    lane: readonly number[],
    failures: Map<number, SinkError>,
    signal: AbortSignal,
  ): Promise<void> {
    let before: SinkError | undefined
    for (const index of lane) {
      signal.throwIfAborted()
      const failure = before === undefined ? await this.#post(client, batch[index]!, signal) : heldBack(before)
      if (failure === undefined) continue
      failures.set(index, failure)
      if (failure.kind === 'transient') before ??= failure
    }
  }

  async #post(client: Client, record: StreamRecord<K, V | null>, signal: AbortSignal): Promise<SinkError | undefined> {
    let request: Request
    try {
      request = this.#requestOf(record)
    } catch (cause) {
      return new SinkError('poison', reasonOf(cause), { cause })
    }
    const { url, id, body } = request
    try {
      const headers = { ...this.#settings.headers, ...signatureHeaders(this.#settings.secrets, id, body, Date.now()) }
      const status = await client.post(url, headers, body, signal)
      return status >= 200 && status < 300 ? undefined : refusal(status, url)
    } catch (thrown) {
      return unanswered(url, thrown)
    }
  }

  #requestOf(record: StreamRecord<K, V | null>): Request {
    if (record.value === null) throw new Error('a null value has no address')
    const given = record as StreamRecord<K, V>
    const { url: urlOf, body: bodyOf, id: idOf } = this.#options
    const url = allowedUrl(urlOf(given.value, given), this.#settings.allowPrivate)
    const content = bodyOf === undefined ? JSON.stringify(given.value) : bodyOf(given.value, given)
    const body = typeof content === 'string' ? Buffer.from(content) : content
    if (!(body instanceof Uint8Array)) throw new TypeError(`body() gave ${typeof content}: give text or bytes`)
    const id = idOf === undefined ? hashOf(url, given, body) : idOf(given.value, given)
    validateHeaderValue('webhook-id', id)
    return { url, body, id }
  }
}

/** The places of records with one key, in order; records without a key have no order. */
function lanesOf(batch: readonly StreamRecord<unknown, unknown>[]): number[][] {
  const lanes = new Map<unknown, number[]>()
  for (const [index, { key }] of batch.entries()) {
    const name = key === null ? { index } : textOf(key)
    const lane = lanes.get(name)
    if (lane === undefined) lanes.set(name, [index])
    else lane.push(index)
  }
  return [...lanes.values()].reverse()
}

/** Equal keys have equal texts. */
function textOf(key: unknown): string {
  return typeof key === 'object' ? JSON.stringify(key) : String(key)
}

function hashOf(url: URL, { key, timestamp }: StreamRecord<unknown, unknown>, body: Uint8Array): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([url.href, textOf(key), timestamp]))
    .update(body)
  return `msg_${hash.digest('base64url').slice(0, 32)}`
}
