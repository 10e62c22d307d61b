import { setTimeout as sleep } from 'node:timers/promises'
import { type Channel, type ConsumeMessage, connect } from 'amqplib'
import type { RabbitSourceOptions } from './options.ts'

/** A queue that is there, on a connection of its own. */
export interface OpenQueue {
  readonly channel: Channel
  /** Resolves with the reason when connection, channel or queue end otherwise than by `close`. */
  readonly ended: Promise<unknown>
  /** Has the queue's messages sent, at most `pendingMax` before some are acknowledged. */
  consume(each: (message: ConsumeMessage) => void): Promise<void>
  /** What was not acknowledged is for others then. */
  close(): Promise<void>
}

/** Milliseconds that a server has to take leave; one that is away never answers. */
const leaveWait = 1000

const quiet = (): void => {}

/** Connects, and finds the queue or makes it, unless `signal` is aborted meanwhile. Rejects with what RabbitMQ or the network says. */
export const openQueue = async (options: RabbitSourceOptions<unknown>, signal?: AbortSignal): Promise<OpenQueue> => {
  const { url = 'amqp://localhost', tls, queue, create, connectTimeout = 10_000, heartbeat = 10_000, pendingMax = 10_000 } = options
  const address = new URL(url)
  address.searchParams.set('heartbeat', String(Math.ceil(heartbeat / 1000)))
  const connection = await connect(address.href, { ...tls, timeout: connectTimeout, noDelay: true })
  const { promise: ended, resolve } = Promise.withResolvers<unknown>()
  let channel: Channel | undefined
  let closing: Promise<unknown> | null = null
  const leave = async (): Promise<void> => {
    // The channel first: the end of a connection may overtake the acknowledgements of its channels.
    await channel?.close().catch(quiet)
    await connection.close().catch(quiet)
  }
  const close = async (): Promise<void> => {
    signal?.removeEventListener('abort', close)
    closing ??= Promise.race([leave(), sleep(leaveWait, undefined, { ref: false })])
    await closing
  }
  const end = (cause: unknown): void => {
    if (closing !== null) return
    resolve(cause)
    void close()
  }
  // RabbitMQ may answer late, or never, while a quorum queue has no leader.
  signal?.addEventListener('abort', close)
  connection.on('error', end)
  connection.on('close', cause => end(cause ?? new Error('the connection was closed')))
  try {
    signal?.throwIfAborted()
    const opened = await connection.createChannel()
    channel = opened
    const gone = (cause: unknown): void => {
      channel = undefined
      end(cause)
    }
    opened.on('error', gone)
    opened.on('close', () => gone(new Error('the channel was closed')))
    if (create === undefined) await opened.checkQueue(queue)
    else await opened.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': create } })
    const consume = async (each: (message: ConsumeMessage) => void): Promise<void> => {
      await opened.prefetch(pendingMax)
      await opened.consume(queue, message => (message === null ? end(new Error('the queue was deleted')) : each(message)))
    }
    return { channel: opened, ended, consume, close }
  } catch (thrown) {
    await close()
    throw thrown
  }
}
