import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type AvroSchema, avro, schemaRegistry } from '@riacho/serdes'
import avsc, { type Schema } from 'avsc'
import { must } from './load.ts'

const rounds = 15
const messages = 40_000

const reading = {
  type: 'record',
  name: 'ActivePowerRecord',
  fields: [
    { name: 'identifier', type: 'string' },
    { name: 'timestamp', type: 'long' },
    { name: 'valueInW', type: 'double' },
  ],
} as const
const line = {
  type: 'record',
  name: 'Line',
  fields: ['sku', 'name'].map(name => ({ name, type: 'string' })).concat({ name: 'n', type: 'int' }),
}
const order = {
  type: 'record',
  name: 'Order',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'client', type: ['null', 'string'] },
    { name: 'at', type: 'long' },
    { name: 'lines', type: { type: 'array', items: line } },
    { name: 'labels', type: { type: 'map', values: 'string' } },
  ],
} as AvroSchema

/** The time of the registry's serde in times that of bare avsc with the same messages, in turns: read and written, of a flat record. */
export const avroFlat = (): Promise<{ value: number; unit: string }> =>
  compared(reading, { identifier: 'sensor-000123', timestamp: 1_700_000_000_000, valueInW: 12.5 })

/** The same of a record with lists, maps and unions. */
export const avroNested = (): Promise<{ value: number; unit: string }> =>
  compared(order, {
    id: 'order-000123',
    client: 'Client_A',
    at: 1_700_000_000_000,
    lines: [1, 2, 3, 4].map(n => ({ sku: `sku-${n}`, name: `a thing of kind ${n}`, n })),
    labels: { channel: 'web', region: 'south' },
  })

async function compared(schema: AvroSchema, value: unknown): Promise<{ value: number; unit: string }> {
  const server = createServer((_request, answer) => answer.end('{"id":7}')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const registry = schemaRegistry({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  const serde = avro<unknown>('bench', { registry, schema })
  await serde.prepare()
  server.close()
  const type = avsc.Type.forSchema(schema as Schema, { omitRecordMethods: true })
  const body = type.toBuffer(value)
  const frame = Buffer.from(serde.encode(value))
  must(frame.subarray(5).equals(body), 'the serde writes other bytes than avsc')
  must(type.toBuffer(serde.decodeAt!(frame, 0, frame.length)).equals(body), 'the serde reads another value')
  // Both write into bytes of their own, and both pass over the id.
  const bare = (): number => type.toBuffer(type.fromBuffer(frame.subarray(5))).length
  const ours = (): number => serde.encode(serde.decodeAt!(frame, 0, frame.length)).length
  return { value: bestRatio(bare, ours), unit: 'times bare avsc, read and written' }
}

const timed = (work: () => number): number => {
  const began = performance.now()
  let bytes = 0
  for (let i = 0; i < messages; i++) bytes += work()
  must(bytes > 0, 'nothing was done')
  return performance.now() - began
}

function bestRatio(bare: () => number, ours: () => number): number {
  let [least, own] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let i = 0; i < rounds; i++) {
    least = Math.min(least, timed(bare))
    own = Math.min(own, timed(ours))
  }
  return own / least
}
