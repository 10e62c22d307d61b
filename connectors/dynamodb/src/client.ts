import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  ResourceInUseException,
  ResourceNotFoundException,
  type TableDescription,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb'
import { schemaError, sinkError } from './errors.ts'
import type { DynamoOptions } from './options.ts'

/** Seconds until a table that was just made must be there. */
const madeWithin = 60

/** The client of the options, or a new one. */
export const clientOf = ({ client, region, endpoint, credentials, requestTimeout = 10_000 }: DynamoOptions<never, never>): DynamoDBClient =>
  client ??
  new DynamoDBClient({
    ...(region && { region }),
    ...(endpoint && { endpoint }),
    ...(credentials && { credentials }),
    // Trying again is the stage's: it counts the tries, pauses between them, and knows when to give up.
    maxAttempts: 1,
    requestHandler: {
      requestTimeout,
      throwOnRequestTimeout: true,
      connectionTimeout: 3000,
      httpAgent: { maxSockets: 128 },
      httpsAgent: { maxSockets: 128 },
    },
  })

/** Makes the table if the options say so, and compares the one that is there with them. Throws a SinkError. */
export const ensureTable = async (client: DynamoDBClient, options: DynamoOptions<never, never>): Promise<void> => {
  const { table, key } = options
  try {
    let found = await described(client, table)
    if (found === undefined && options.create) found = await made(client, options)
    if (found === undefined) throw schemaError(table, 'does not exist (give create: true to make it)')
    const types = new Map(found.AttributeDefinitions?.map(each => [each.AttributeName, each.AttributeType]))
    const there = (found.KeySchema ?? []).map(({ AttributeName }) => `${AttributeName} ${types.get(AttributeName)}`)
    const named = Object.entries(key).map(([name, type]) => `${name} ${type}`)
    if (there.join() !== named.join()) throw schemaError(table, `has the key (${there}), not (${named})`)
  } catch (thrown) {
    throw sinkError(table, thrown)
  }
}

const described = async (client: DynamoDBClient, table: string): Promise<TableDescription | undefined> => {
  try {
    return (await client.send(new DescribeTableCommand({ TableName: table }))).Table
  } catch (thrown) {
    if (thrown instanceof ResourceNotFoundException) return undefined
    throw thrown
  }
}

const made = async (client: DynamoDBClient, { table, key }: DynamoOptions<never, never>): Promise<TableDescription | undefined> => {
  const names = Object.keys(key)
  try {
    await client.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: names.map(name => ({ AttributeName: name, AttributeType: key[name]! })),
        KeySchema: names.map((name, i) => ({ AttributeName: name, KeyType: i === 0 ? 'HASH' : 'RANGE' })),
      }),
    )
  } catch (thrown) {
    // Another task was quicker.
    if (!(thrown instanceof ResourceInUseException)) throw thrown
  }
  await waitUntilTableExists({ client, maxWaitTime: madeWithin, minDelay: 1, maxDelay: 2 }, { TableName: table })
  return described(client, table)
}
