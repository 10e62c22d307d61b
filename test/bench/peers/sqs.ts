import { CreateQueueCommand, SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs'
import { sqs } from '@riacho/sqs'
import type { StreamRecord } from '@riacho/streams'
import { startElasticMq } from '../../servers/elasticmq.ts'
import { compare } from './compare.ts'

interface Row {
  readonly id: string
  readonly body: string
}

/** The sink against the SDK's own batch call, on one ElasticMQ: `node test/bench/peers/sqs.ts [rows] [rounds]`. */
const rows = Number(process.argv[2] ?? 3000)
const rounds = Number(process.argv[3] ?? 3)
const never = new AbortController().signal
const server = await startElasticMq()
const place = { endpoint: server.endpoint, region: 'elasticmq', credentials: { accessKeyId: 'x', secretAccessKey: 'x' } }
const sdk = new SQSClient({ ...place, requestHandler: { httpAgent: { maxSockets: 128 } } })
const attributes = { FifoQueue: 'true', ContentBasedDeduplication: 'true' }
/** Each loop has a queue of its own: the fuller one is, the slower is ElasticMQ. */
const concurrencies = [1, 8, 32, 128]
const urls = new Map<number, string>()
for (const concurrency of concurrencies) {
  const { QueueUrl } = await sdk.send(new CreateQueueCommand({ QueueName: `bare-${concurrency}.fifo`, Attributes: attributes }))
  urls.set(concurrency, QueueUrl!)
}
const sink = sqs<string, Row>({ ...place, queue: 'sink.fifo', create: true })
await sink.open?.()
let round = 0
/** No body is sent twice, or it would be dropped. */
const rowAt = (at: number): Row => ({ id: `event-${at % 1000}`, body: `${++round} ${'x'.repeat(100)}` })

const each = (lanes: number, count: number, work: (at: number) => Promise<unknown>) => async (): Promise<void> => {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}
const bare = (concurrency: number) =>
  each(concurrency, rows / 10, at => {
    const Entries = Array.from({ length: 10 }, (_, i) => {
      const value = rowAt(at * 10 + i)
      return { Id: String(i), MessageGroupId: value.id, MessageBody: JSON.stringify(value) }
    })
    return sdk.send(new SendMessageBatchCommand({ QueueUrl: urls.get(concurrency), Entries }))
  })
const ours = each(4, rows / 500, at => {
  const batch = Array.from({ length: 500 }, (_, i): StreamRecord<string, Row> => {
    const value = rowAt(at * 500 + i)
    return { key: value.id, value, timestamp: 0, headers: [] }
  })
  return sink.write(batch, never)
})
await compare({ name: 'sqs', rows, rounds, ours, bare, concurrencies })
await sink.close?.()
sdk.destroy()
await server.stop()
