import { BatchWriteItemCommand, CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { dynamodb } from '@riacho/dynamodb'
import type { StreamRecord } from '@riacho/streams'
import { startDynamo } from '../../servers/dynamodb.ts'
import { compare } from './compare.ts'

interface Row {
  readonly id: string
  readonly client: string
  readonly body: string
}

/** The sink against the SDK's own batch call, on one DynamoDB Local: `node test/bench/peers/dynamodb.ts [rows] [rounds]`. */
const rows = Number(process.argv[2] ?? 10_000)
const rounds = Number(process.argv[3] ?? 5)
const never = new AbortController().signal
const server = await startDynamo()
const place = { endpoint: server.endpoint, region: 'local', credentials: { accessKeyId: 'riacho', secretAccessKey: 'riacho' } }
const sdk = new DynamoDBClient({ ...place, requestHandler: { httpAgent: { maxSockets: 128 } } })
await sdk.send(
  new CreateTableCommand({
    TableName: 'bare',
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
  }),
)
const sink = dynamodb<string, Row>({ ...place, table: 'sink', key: { id: 'S' }, create: true, item: row => ({ ...row }) })
await sink.open?.()
const values = Array.from({ length: rows }, (_, i): Row => ({ id: `event-${i}`, client: `Client_${i % 4}`, body: 'x'.repeat(100) }))
const batches: StreamRecord<string, Row>[][] = []
for (let i = 0; i < rows; i += 500) {
  batches.push(values.slice(i, i + 500).map(value => ({ key: value.id, value, timestamp: 0, headers: [] })))
}

const each = (lanes: number, count: number, work: (at: number) => Promise<unknown>) => async (): Promise<void> => {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}
const bare = (concurrency: number) =>
  each(concurrency, Math.ceil(rows / 25), at => {
    const items = values
      .slice(at * 25, at * 25 + 25)
      .map(({ id, client, body }) => ({ id: { S: id }, client: { S: client }, body: { S: body } }))
    return sdk.send(new BatchWriteItemCommand({ RequestItems: { bare: items.map(Item => ({ PutRequest: { Item } })) } }))
  })
await compare({
  name: 'dynamodb',
  rows,
  rounds,
  ours: each(4, batches.length, at => sink.write(batches[at]!, never)),
  bare,
  concurrencies: [1, 8, 32, 128],
})
await sink.close?.()
sdk.destroy()
await server.stop()
