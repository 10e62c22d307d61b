import { createClient, RESP_TYPES } from '@redis/client'
import type { RedisServer } from './options.ts'

/** What Redis answers: bytes of texts, numbers, words such as OK. */
export type Reply = Buffer | string | number | null | readonly Reply[]

type Client = Awaited<ReturnType<typeof connectOnce>>

/** A connection that is made again by the request that needs it: how often to try while Redis is away is for those who ask. */
export class Connection {
  readonly #server: RedisServer
  #client: Promise<Client> | null = null
  #closed = false

  constructor(server: RedisServer) {
    this.#server = server
  }

  /** Rejects when Redis refuses, is away or says nothing for `requestTimeout`, and when `signal` is aborted. */
  async send(args: readonly (string | Buffer)[], signal?: AbortSignal): Promise<Reply> {
    signal?.throwIfAborted()
    return unlessAborted(
      this.open().then(client => client.sendCommand<Reply>(args)),
      signal,
    )
  }

  /** Connects if it is not connected. Rejects when Redis cannot be reached. */
  async open(): Promise<Client> {
    if (this.#closed) throw new Error('the connection was closed')
    if (this.#client === null) {
      const lost = (): void => {
        if (this.#client === opening) this.#client = null
      }
      const opening = connectOnce(this.#server, lost)
      this.#client = opening
      opening.catch(lost)
    }
    return this.#client
  }

  /** Ends the requests that are under way, and takes no more. */
  close(): void {
    this.#closed = true
    this.#client?.then(
      client => client.isOpen && client.destroy(),
      () => {},
    )
  }
}

/** `lost` is called when the connection ends otherwise than by the caller. */
const connectOnce = async ({ url = 'redis://localhost:6379', tls, requestTimeout = 10_000 }: RedisServer, lost: () => void) => {
  const client = createClient({
    url,
    RESP: 2,
    socket: {
      connectTimeout: Math.min(3000, requestTimeout),
      socketTimeout: requestTimeout,
      reconnectStrategy: false,
      ...(url.startsWith('rediss:') && { tls: true as const, ...tls }),
    },
    // What was sent and not answered is the stage's to send again.
    disableOfflineQueue: true,
    // A connection that says nothing is given up, so an idle one must be made to speak.
    pingInterval: Math.ceil(requestTimeout / 3),
    commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
  })
  client.on('error', () => {
    if (client.isOpen) client.destroy()
    lost()
  })
  await client.connect()
  return client
}

const unlessAborted = async <T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (signal === undefined) return work
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
