import { setTimeout as sleep } from 'node:timers/promises'
import type { API, Connection as LibraryConnection } from '@platformatic/kafka'
import type { BrokerError } from '@riacho/streams/engine'
import { failureOf, KafkaError } from '../errors.ts'
import { checkBroker, featuresRequest, versionFor } from '../metadata/features.ts'
import { type Address, Connection, type ConnectionOptions, type Request } from './connection.ts'

/** Stands for whichever broker answers. */
export const anyBroker = -1

/** Who knows where brokers are. */
export interface BrokerAddresses {
  /** Where this broker listens, if it is known. */
  addressOf(id: number): Address | undefined
  /** Where any broker may be found, the likeliest first. */
  addresses(): readonly Address[]
}

/** How calls are made. Times in milliseconds. */
export interface LinkOptions extends ConnectionOptions {
  /** For how long a call is made again while its failure is one that passes. */
  readonly retryForMs: number
}

const pauseMin = 5
const longestPauseMs = 500

/**
 * The connections of one owner: one to each broker that it talks to, opened when it is needed and again when it broke. A broker answers the requests of a connection one after
 * another, so whatever may wait there (a fetch, a join) has links of its own.
 */
export class Links {
  readonly #brokers: BrokerAddresses
  readonly #options: LinkOptions
  readonly #open = new Map<number, Promise<Connection>>()
  readonly #closing = new AbortController()
  #turn = 0

  constructor(brokers: BrokerAddresses, options: LinkOptions) {
    this.#brokers = brokers
    this.#options = options
  }

  get closed(): boolean {
    return this.#closing.signal.aborted
  }

  /** One try of one of the library's requests. Rejects with a BrokerError. */
  async once<Arguments extends unknown[], Answer>(broker: number, api: API<Arguments, Answer>, ...request: Arguments): Promise<Answer> {
    try {
      const connection = await this.#connection(broker)
      // Of a connection the library's requests use `send` only.
      return await api.async(connection as unknown as LibraryConnection, ...request)
    } catch (thrown) {
      throw this.#failure(thrown)
    }
  }

  /** One try of one request of our own making. Rejects with a BrokerError. */
  async send<Answer>(broker: number, request: Request<Answer>): Promise<Answer> {
    try {
      const connection = await this.#connection(broker)
      return await connection.request(request)
    } catch (thrown) {
      throw this.#failure(thrown)
    }
  }

  /** Makes a call again while it fails with a retriable error, with growing pauses. The last failure is thrown when the time for it is over. */
  async retrying<Answer>(attempt: () => Promise<Answer>): Promise<Answer> {
    const deadline = Date.now() + this.#options.retryForMs
    for (let pause = pauseMin; ; pause = Math.min(pause * 2, longestPauseMs)) {
      try {
        return await attempt()
      } catch (thrown) {
        const failure = failureOf(thrown)
        if (!failure.retriable || Date.now() + pause > deadline) throw failure
        await this.pause(pause * (0.75 + Math.random() / 2), failure)
      }
    }
  }

  /** Resolves after so many milliseconds; rejects, with the failure that made it wait, when the links are closed. */
  async pause(milliseconds: number, because?: BrokerError): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#closing.signal }).catch(() => {
      throw because ?? closedFailure()
    })
  }

  /** Breaks what is on the way. */
  close(): void {
    this.#closing.abort()
    for (const connection of this.#open.values())
      connection.then(
        opened => opened.close(),
        () => {},
      )
    this.#open.clear()
  }

  /** What broke because it was closed says nothing of the cluster. */
  #failure(thrown: unknown): BrokerError {
    return this.closed ? closedFailure() : failureOf(thrown)
  }

  #connection(broker: number): Promise<Connection> {
    if (this.closed) return Promise.reject(closedFailure())
    const known = this.#open.get(broker)
    if (known !== undefined) return known
    // Only itself: the next connection may stand already, and what goes by a third one would overtake what goes by it.
    const forget = () => {
      if (this.#open.get(broker) === connection) this.#open.delete(broker)
    }
    const connection = broker === anyBroker ? this.#connectAny(forget) : this.#connect(broker, forget)
    this.#open.set(broker, connection)
    connection.catch(() => setImmediate(forget))
    return connection
  }

  async #connect(broker: number, forget: () => void): Promise<Connection> {
    const address = this.#brokers.addressOf(broker)
    if (address === undefined) throw new KafkaError('BROKER_NOT_AVAILABLE', `the cluster has no broker ${broker} at the moment`)
    return this.#to(address, forget)
  }

  /** Another one first each time, so that one that hangs does not hold everything up. */
  async #connectAny(forget: () => void): Promise<Connection> {
    const addresses = this.#brokers.addresses()
    const first = this.#turn++
    let failure: unknown
    for (let i = 0; i < addresses.length && !this.closed; i++) {
      try {
        return await this.#to(addresses[(first + i) % addresses.length]!, forget)
      } catch (thrown) {
        failure = thrown
      }
    }
    throw failure ?? closedFailure()
  }

  async #to(address: Address, forget: () => void): Promise<Connection> {
    let ready = false
    const connection = await Connection.open(address, this.#options, () => {
      // While it is not, the next address may be tried by now.
      if (ready) forget()
    })
    try {
      // Brokers are upgraded one after another: each connection asks its own.
      const features = await connection.request(featuresRequest())
      const name = `${address.host}:${address.port}`
      checkBroker(features, name)
      connection.versionOf = (key, version) => versionFor(features, key, version, name)
    } catch (thrown) {
      connection.close()
      throw thrown
    }
    ready = true
    if (!this.closed) return connection
    connection.close()
    throw closedFailure()
  }
}

const closedFailure = (): BrokerError => new KafkaError('CLOSED', 'the Kafka client is closed', { retriable: false })
