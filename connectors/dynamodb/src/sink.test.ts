import { DynamoDBClient, GetItemCommand, ListTablesCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import type { SinkError, StreamRecord } from '@riacho/streams'
import { type SinkFixture, sinkSuite } from '@riacho/testing/suites'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type DynamoServer, startDynamo } from '../../../test/servers/dynamodb.ts'
import { type LossyProxy, startLossyProxy } from '../../../test/servers/lossy-proxy.ts'
import { type DynamoOptions, dynamodb } from './index.ts'

interface Event {
  readonly id: number
  readonly revision: number
  readonly body?: unknown
}
type Options = DynamoOptions<string, Event>

const never = new AbortController().signal
const credentials = { accessKeyId: 'riacho', secretAccessKey: 'riacho' }
let server: DynamoServer
let proxy: LossyProxy
let outside: DynamoDBClient
let tables = 0

beforeAll(async () => {
  server = await startDynamo()
  proxy = await startLossyProxy(server.port)
  outside = new DynamoDBClient({ endpoint: server.endpoint, region: 'local', credentials })
}, 180_000)
afterAll(async () => {
  outside?.destroy()
  await proxy?.stop()
  await server?.stop()
})

const closing: (() => Promise<void> | undefined)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  proxy.mend()
})

const newTable = (): string => `event_${++tables}`
const optionsFor = (table: string): Options => ({
  table,
  key: { id: 'S' },
  create: true,
  item: event => ({ ...event, id: `e${event.id}` }),
  keyOf: key => ({ id: `e${key}` }),
  endpoint: server.endpoint,
  region: 'local',
  credentials,
})
const record = (id: number, revision: number, body?: unknown): StreamRecord<string, Event> => ({
  key: String(id),
  value: { id, revision, ...(body !== undefined && { body }) },
  timestamp: 0,
  headers: [],
})
const removal = (id: number): StreamRecord<string, null> => ({ ...record(id, 0), value: null })
const heldIn = async (table: string): Promise<[number, number][]> => {
  const held: [number, number][] = []
  let from: Record<string, never> | undefined
  do {
    const page = await outside.send(new ScanCommand({ TableName: table, ...(from && { ExclusiveStartKey: from }) }))
    for (const item of page.Items ?? []) held.push([Number(item.id!.S!.slice(1)), Number(item.revision!.N)])
    from = page.LastEvaluatedKey as typeof from
  } while (from !== undefined)
  return held.sort(([a], [b]) => a - b)
}
const opened = async (options: Partial<Options> = {}, table = newTable()) => {
  const sink = dynamodb({ ...optionsFor(table), ...options })
  await sink.open?.()
  closing.push(() => sink.close?.())
  return { sink, table }
}

const make = async (): Promise<SinkFixture<string, Event>> => {
  const table = newTable()
  return {
    sink: dynamodb({ ...optionsFor(table), endpoint: `http://127.0.0.1:${proxy.port}` }),
    record,
    removal,
    poison: () => record(99, 1, 'x'.repeat(500_000)),
    held: () => heldIn(table),
    outage: async () => {
      await proxy.cut()
      return async () => proxy.mend()
    },
    close: async () => proxy.mend(),
  }
}

sinkSuite({ name: 'dynamodb', make }, { describe, it, expect })

describe('dynamodb', () => {
  const failuresOf = async (work: Promise<void>): Promise<[number, string][]> => {
    const thrown = await work.then(
      () => undefined,
      (error: unknown) => error as SinkError,
    )
    return [...(thrown?.failures ?? [])].map(([index, { kind }]) => [index, kind])
  }

  it('names the items that cannot be written, writes the others, and the ones that they would have replaced', async () => {
    const { sink, table } = await opened()
    const large = 'x'.repeat(500_000)
    const batch = [record(1, 1), record(1, 2, large), record(2, 1), record(3, 1, new Date()), record(4, 1), removal(4)]
    expect(await failuresOf(sink.write(batch, never))).toEqual([
      [1, 'poison'],
      [3, 'poison'],
    ])
    expect(await heldIn(table)).toEqual([
      [1, 1],
      [2, 1],
    ])
  })

  it('writes every sort of value, and leaves out what is undefined', async () => {
    const { sink, table } = await opened()
    const body = {
      text: 'ação',
      n: 0.5,
      big: 2n ** 60n,
      bytes: Buffer.from([0, 255]),
      list: [1, null, true],
      set: new Set(['a']),
      none: undefined,
    }
    await sink.write([record(1, 1, body)], never)
    const { Item } = await outside.send(new GetItemCommand({ TableName: table, Key: { id: { S: 'e1' } } }))
    const { none: _, ...kept } = body
    expect(unmarshall(Item!).body).toEqual({ ...kept, bytes: new Uint8Array([0, 255]) })
  })

  it('keeps items with a sort key apart, whatever their keys hold', async () => {
    const { sink, table } = await opened({
      key: { id: 'S', revision: 'N' },
      item: ({ id, revision }) => ({ id: `e${id}`, revision }),
    })
    await sink.write([record(1, 1), record(1, 2), record(11, 2), record(1, 1)], never)
    expect(await heldIn(table)).toHaveLength(3)
  })

  it('refuses a table with another key, and one that is missing', async () => {
    const { table } = await opened()
    for (const [options, message] of [
      [{ ...optionsFor(table), key: { other: 'S' } as const }, 'key (id S)'],
      [{ ...optionsFor('missing'), create: false }, 'does not exist'],
    ] as const) {
      await expect(dynamodb(options).open?.()).rejects.toMatchObject({ kind: 'permanent', message: expect.stringContaining(message) })
    }
    expect((await outside.send(new ListTablesCommand({}))).TableNames).not.toContain('missing')
  })

  it('loses and doubles nothing when answers are lost after the items were written', async () => {
    const { sink, table } = await opened({ endpoint: `http://127.0.0.1:${proxy.port}` })
    const batch = Array.from({ length: 500 }, (_, id) => record(id, 1))
    proxy.loseAnswers(3)
    await expect(sink.write(batch, never)).rejects.toMatchObject({ kind: 'transient' })
    proxy.mend()
    await sink.write(batch, never)
    expect((await heldIn(table)).length).toBe(500)
  })

  it('is transient and away when nobody answers, and ends soon when aborted', async () => {
    await expect(dynamodb({ ...optionsFor('table'), endpoint: 'http://127.0.0.1:1' }).open?.()).rejects.toMatchObject({
      kind: 'transient',
      away: true,
    })
    const { sink } = await opened({ endpoint: `http://127.0.0.1:${proxy.port}` })
    proxy.delay(60_000)
    const abort = new AbortController()
    const work = sink.write([record(1, 1)], abort.signal)
    setTimeout(() => abort.abort(), 50)
    await expect(work).rejects.toThrow()
    await proxy.cut()
  })

  it.each<[Partial<Options>, string]>([
    [{ table: 'a b' }, 'table'],
    [{ key: {} }, 'key'],
    [{ key: { id: 'X' as never } }, 'type X'],
    [{ requestsMax: 0 }, 'requestsMax'],
  ])('refuses %o', (options, message) => {
    expect(() => dynamodb({ ...optionsFor('table'), ...options })).toThrow(message)
  })
})
