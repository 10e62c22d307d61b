import { setTimeout as sleep } from 'node:timers/promises'
import { type API, Connection, type ResponseParser, type Writer } from '@platformatic/kafka'
import { BrokerError } from '@riacho/streams/engine'
import { failureOf } from './failure.ts'

/** Milliseconds for which a call is tried again while its failure is one that passes. */
const tryFor = 30_000

/** One request of our own making: for versions that the library does not know, and answers that it should not decode. */
export interface Request<Answer> {
  readonly key: number
  readonly version: number
  readonly write: () => Writer
  readonly parse: ResponseParser<Answer>
}

/**
 * One connection to the broker, opened again when it breaks. A broker answers the requests of a connection one after another,
 * so whatever may wait there (a fetch, a join) has a link of its own.
 */
export class Link {
  readonly #host: string
  readonly #port: number
  readonly #requestTimeout: number
  #connection: Promise<Connection> | undefined
  #closed = false

  constructor(address: string, requestTimeout = 30_000) {
    const at = address.lastIndexOf(':')
    this.#host = address.slice(0, at)
    this.#port = Number(address.slice(at + 1))
    this.#requestTimeout = requestTimeout
  }

  /** One try of one of the library's requests. Rejects with a BrokerError. */
  async once<Arguments extends unknown[], Answer>(api: API<Arguments, Answer>, ...request: Arguments): Promise<Answer> {
    try {
      return await api.async(await this.#open(), ...request)
    } catch (thrown) {
      throw failureOf(thrown)
    }
  }

  /** As {@link Link.once}, tried again while the failure passes, for 30 seconds. */
  call<Arguments extends unknown[], Answer>(api: API<Arguments, Answer>, ...request: Arguments): Promise<Answer> {
    return this.retrying(() => this.once(api, ...request))
  }

  /** One try of one request of our own making. Rejects with a BrokerError. */
  async send<Answer>(request: Request<Answer>): Promise<Answer> {
    try {
      const connection = await this.#open()
      return await new Promise<Answer>((resolve, reject) =>
        connection.send(request.key, request.version, request.write, request.parse, true, true, (error, answer) =>
          error === null ? resolve(answer as Answer) : reject(error),
        ),
      )
    } catch (thrown) {
      throw failureOf(thrown)
    }
  }

  /** Makes the call again while it fails with a retriable error, with growing pauses. The last failure is thrown after 30 seconds. */
  async retrying<Answer>(attempt: () => Promise<Answer>): Promise<Answer> {
    const deadline = Date.now() + tryFor
    for (let pause = 5; ; pause = Math.min(pause * 2, 500)) {
      try {
        return await attempt()
      } catch (thrown) {
        const failure = failureOf(thrown)
        if (!failure.retriable || this.#closed || Date.now() > deadline) throw failure
        await sleep(pause)
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const connection = await this.#connection?.catch(() => undefined)
    await connection?.close()
  }

  #open(): Promise<Connection> {
    if (this.#closed) return Promise.reject(new BrokerError('NETWORK_EXCEPTION', 'the broker client is closed'))
    this.#connection ??= this.#connect()
    return this.#connection
  }

  #connect(): Promise<Connection> {
    const connection = new Connection('riacho', { requestTimeout: this.#requestTimeout })
    const opened = Promise.resolve(connection.connect(this.#host, this.#port)).then(() => connection)
    const forget = () => {
      if (this.#connection === opened) this.#connection = undefined
    }
    // Without a listener for errors a broken connection would end the process.
    connection.on('error', forget)
    connection.on('close', forget)
    return opened
  }
}
