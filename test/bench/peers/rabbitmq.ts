import { rabbitSource } from '@riacho/rabbitmq'
import { bytes } from '@riacho/streams'
import { type ConsumeMessage, connect } from 'amqplib'
import { startRabbit } from '../../servers/rabbitmq.ts'
import { compare } from './compare.ts'

/** The source against the client's own consumer with the same prefetch, on one RabbitMQ: `node test/bench/peers/rabbitmq.ts [rows] [rounds]`. */
const rows = Number(process.argv[2] ?? 50_000)
const rounds = Number(process.argv[3] ?? 5)
const never = new AbortController().signal
const server = await startRabbit()
const connection = await connect(server.url)
const outside = await connection.createConfirmChannel()

/** A full queue for each run of each loop. */
const acknowledgedAfter = [100, 1000]
const queues: string[] = []
for (let i = 0; i < (rounds + 1) * (1 + acknowledgedAfter.length); i++) {
  const queue = `queue-${i}`
  await outside.assertQueue(queue, { durable: true })
  for (let n = 0; n < rows; n++) outside.sendToQueue(queue, Buffer.from(`{"n":${n},"body":"${'x'.repeat(100)}"}`))
  await outside.waitForConfirms()
  queues.push(queue)
}

const ours = async (): Promise<void> => {
  const queue = queues.pop()!
  const reader = rabbitSource({ url: server.url, queue, value: bytes }).open(queue, null)
  for (let count = 0; count < rows; ) {
    const records = await reader.read(1000, never)
    count += records.length
    await reader.commit(records.at(-1)!.position)
  }
  await reader.close()
}
/** Acknowledges so many at once. */
const bare = (batch: number) => async (): Promise<void> => {
  const own = await connect(server.url)
  const channel = await own.createChannel()
  await channel.prefetch(10_000)
  const { promise, resolve } = Promise.withResolvers<void>()
  let count = 0
  await channel.consume(queues.pop()!, message => {
    if (++count % batch === 0 || count === rows) channel.ack(message as ConsumeMessage, true)
    if (count === rows) resolve()
  })
  await promise
  await own.close()
}
await compare({ name: 'rabbitmq', rows, rounds, ours, bare, concurrencies: acknowledgedAfter })
await connection.close()
await server.stop()
