import { createConnection, isIP, type Socket } from 'node:net'
import { connect as connectSecurely, type ConnectionOptions as TlsOptions } from 'node:tls'
import { Reader, type ResponseParser, type Writer } from '@platformatic/kafka'
import { KafkaError } from '../errors.ts'
import { distrust } from './trust.ts'

/** Where a broker listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** How connections are made. Times in milliseconds. */
export interface ConnectionOptions {
  readonly clientId: string
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  /** Absent: without TLS. */
  readonly tls?: TlsOptions | undefined
  /** Makes a connection that of somebody; gives the milliseconds for which that holds, 0 for ever. Absent: without authentication. */
  readonly authenticate?: ((request: Connection['request']) => Promise<number>) | undefined
}

/** One request, and how its answer is read. */
export interface Request<Answer> {
  readonly key: number
  readonly version: number
  /** What follows the header. */
  readonly body: readonly Uint8Array[]
  /** Whether the headers of the request and of its answer have tagged fields. */
  readonly tags: { readonly request: boolean; readonly answer: boolean }
  /** Gives the memory for the answer. Default: new memory. */
  readonly allocate?: (bytes: number) => Buffer
  /** Reads the answer behind its header. */
  readonly parse: (frame: Buffer) => Answer
}

interface Waiting {
  readonly allocate: (bytes: number) => Buffer
  readonly answered: (frame: Buffer) => void
  readonly failed: (error: unknown) => void
  readonly timer: NodeJS.Timeout
}

/** Longer than any answer: what says that it is longer is not Kafka. */
const answerBytesMax = 1 << 29
/** Length and correlation id. */
const headBytes = 8
const readBufferBytes = 64 << 10
/** How much of the time for which an authentication holds is used. */
const lifetimeShare = 0.8

/** One connection to a broker, which answers the requests of a connection one after another. It never comes back once it is closed or broken. */
export class Connection {
  /** Gives the version in which a request that is written as `version` is sent; throws when the broker has none. Set when it is known what the broker knows. */
  versionOf: (key: number, version: number) => number = (_, version) => version
  readonly #address: Address
  readonly #options: ConnectionOptions
  readonly #clientId: Buffer
  readonly #waiting = new Map<number, Waiting>()
  readonly #head = Buffer.alloc(headBytes)
  #socket!: Socket
  #correlation = 0
  #headHave = 0
  #retiresAt = Number.POSITIVE_INFINITY
  #retiring: NodeJS.Timeout | undefined
  #frame: Buffer | undefined
  #frameHave = 0
  #broken: KafkaError | undefined
  #onClose: () => void = () => {}

  private constructor(address: Address, options: ConnectionOptions) {
    this.#address = address
    this.#options = options
    this.#clientId = Buffer.from(options.clientId)
  }

  /** Connects, in bounded time. `onClose` is called once when the connection is no more. Rejects with NETWORK_EXCEPTION. */
  static open(address: Address, options: ConnectionOptions, onClose: () => void): Promise<Connection> {
    const connection = new Connection(address, options)
    connection.#onClose = onClose
    return connection.#connect().then(() => connection.#authenticate())
  }

  async #authenticate(): Promise<this> {
    try {
      const lifetimeMs = await this.#options.authenticate?.(request => this.request(request))
      if (lifetimeMs !== undefined && lifetimeMs > 0) this.#retireAfter(lifetimeMs * lifetimeShare)
      return this
    } catch (thrown) {
      this.close()
      throw thrown
    }
  }

  /** Between two requests, so that none meets a connection that the broker knows no more. */
  #retireAfter(milliseconds: number): void {
    this.#retiresAt = Date.now() + milliseconds
    this.#retiring = setTimeout(() => this.#retire(), Math.min(milliseconds + 1, 2 ** 31 - 1))
    this.#retiring.unref()
  }

  #retire(): void {
    if (this.#waiting.size === 0 && Date.now() >= this.#retiresAt) this.#break('the time of its authentication ends')
  }

  #connect(): Promise<void> {
    const { host, port } = this.#address
    const { tls, connectTimeoutMs } = this.#options
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#break(`no connection within ${connectTimeoutMs} ms`), connectTimeoutMs)
      const opened = () => {
        clearTimeout(timer)
        resolve()
      }
      this.#socket =
        tls === undefined
          ? createConnection({ host, port, noDelay: true, onread: this.#reading() }, opened)
          : connectSecurely({ host, port, ...(isIP(host) === 0 && { servername: host }), ...tls }, opened).on('data', chunk =>
              this.#take(chunk, chunk.length),
            )
      this.#socket.setNoDelay(true)
      this.#socket.on('error', cause => this.#failed(cause))
      this.#socket.on('close', () => {
        clearTimeout(timer)
        this.#break(this.#wantsTls ? 'the broker wants TLS: give `tls`' : 'the broker closed the connection')
        reject(this.#broken)
        // When everybody has met the failure: what is sent by a new connection must not overtake what is sent again.
        setImmediate(this.#onClose)
      })
    })
  }

  #failed(cause: NodeJS.ErrnoException): void {
    const why = distrust(cause)
    if (why === undefined) this.#break(cause.message || cause.code || 'no connection', cause)
    else this.#break(why, cause, 'SSL_AUTHENTICATION_FAILED')
  }

  /** The operating system writes into this one buffer: nothing is allocated per chunk. */
  #reading() {
    const callback = (bytes: number, chunk: Uint8Array): boolean => {
      this.#take(chunk, bytes)
      return true
    }
    return { buffer: Buffer.allocUnsafeSlow(readBufferBytes), callback }
  }

  /** Rejects with NETWORK_EXCEPTION, REQUEST_TIMED_OUT, or with what `parse` throws. */
  request<Answer>({ key, version, body, tags, parse, allocate = Buffer.allocUnsafeSlow }: Request<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== undefined) {
        reject(this.#broken)
        return
      }
      const { requestTimeoutMs } = this.#options
      const sent = this.versionOf(key, version)
      this.#correlation = (this.#correlation + 1) & 0x7fffffff
      this.#waiting.set(this.#correlation, {
        // Answers come in the order of the requests, so without this one none behind it can come.
        timer: setTimeout(() => this.#break(`no answer within ${requestTimeoutMs} ms`, undefined, 'REQUEST_TIMED_OUT'), requestTimeoutMs),
        allocate,
        failed: reject,
        answered: frame => {
          try {
            resolve(parse(tags.answer ? frame.subarray(1) : frame))
          } catch (thrown) {
            reject(thrown)
          }
        },
      })
      this.#write(this.#header(key, sent, tags.request, body), body)
    })
  }

  /** The library's way to send one of its requests: its own connections have this method. */
  send<Answer>(
    key: number,
    version: number,
    create: () => Writer,
    parse: ResponseParser<Answer>,
    requestTags: boolean,
    answerTags: boolean,
    callback: (error: Error | null, answer?: Answer) => void,
  ): void {
    const request: Request<Answer> = {
      key,
      version,
      body: [create().buffer],
      tags: { request: requestTags, answer: answerTags },
      parse: frame => parse(0, key, version, Reader.from(frame)) as Answer,
    }
    this.request(request).then(answer => callback(null, answer), callback)
  }

  close(): void {
    this.#break('the connection was closed')
  }

  #header(key: number, version: number, tags: boolean, body: readonly Uint8Array[]): Buffer {
    const id = this.#clientId
    const header = Buffer.alloc(14 + id.length + (tags ? 1 : 0))
    header.writeInt32BE(
      body.reduce((sum, part) => sum + part.length, header.length - 4),
      0,
    )
    header.writeInt16BE(key, 4)
    header.writeInt16BE(version, 6)
    header.writeInt32BE(this.#correlation, 8)
    header.writeInt16BE(id.length, 12)
    header.set(id, 14)
    return header
  }

  #write(header: Buffer, body: readonly Uint8Array[]): void {
    this.#socket.cork()
    this.#socket.write(header)
    for (const part of body) this.#socket.write(part)
    this.#socket.uncork()
  }

  /** Puts frames together from what comes in. */
  #take(chunk: Uint8Array, bytes: number): void {
    for (let p = 0; p < bytes && this.#broken === undefined; ) {
      if (this.#frame === undefined) {
        while (this.#headHave < headBytes && p < bytes) this.#head[this.#headHave++] = chunk[p++]!
        if (this.#headHave < headBytes || !this.#begin()) return
      }
      const frame = this.#frame!
      const length = Math.min(bytes - p, frame.length - this.#frameHave)
      frame.set(chunk.subarray(p, p + length), this.#frameHave)
      this.#frameHave += length
      p += length
      if (this.#frameHave === frame.length) this.#end(frame)
    }
  }

  /** What came begins as TLS's alerts do. */
  get #wantsTls(): boolean {
    return this.#headHave > 1 && this.#head[0] === 0x15 && this.#head[1] === 3
  }

  #begin(): boolean {
    const length = this.#head.readInt32BE(0) - 4
    const waiting = this.#waiting.get(this.#head.readInt32BE(4))
    if (length < 0 || length > answerBytesMax || waiting === undefined) {
      this.#break(this.#wantsTls ? 'the broker wants TLS: give `tls`' : 'what answers there is not a Kafka broker, or wants TLS')
      return false
    }
    this.#frame = waiting.allocate(length)
    this.#frameHave = 0
    return true
  }

  #end(frame: Buffer): void {
    const correlation = this.#head.readInt32BE(4)
    const waiting = this.#waiting.get(correlation)!
    this.#waiting.delete(correlation)
    clearTimeout(waiting.timer)
    this.#frame = undefined
    this.#headHave = 0
    waiting.answered(frame)
    this.#retire()
  }

  #break(why: string, cause?: unknown, code = 'NETWORK_EXCEPTION'): void {
    if (this.#broken !== undefined) return
    this.#broken = new KafkaError(code, `${this.#address.host}:${this.#address.port}: ${why}`, { cause })
    this.#socket.destroy()
    clearTimeout(this.#retiring)
    for (const { failed, timer } of this.#waiting.values()) {
      clearTimeout(timer)
      failed(this.#broken)
    }
    this.#waiting.clear()
  }
}
