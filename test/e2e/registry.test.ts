import { execFile } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { SchemaRegistry as Client, SchemaType } from '@kafkajs/confluent-schema-registry'
import { embedded } from '@riacho/embedded'
import { app } from '@riacho/runtime'
import { type AvroSchema, avro, avroKey, type SchemaRegistryOptions, schemaRegistry } from '@riacho/serdes'
import { mapValues, rekey, text, to, topic, topology } from '@riacho/streams'
import { NotReady } from '@riacho/streams/engine'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { bytesAt, readRecords } from '../../packages/riacho/src/read.ts'
import { consume } from '../../packages/riacho/src/records/consume.ts'
import { formOf } from '../../packages/riacho/src/records/forms.ts'
import { recordLines } from '../../packages/riacho/src/records/line.ts'
import { produce } from '../../packages/riacho/src/records/produce.ts'
import { committed, read, values } from '../../packages/runtime/src/trial.fixture.ts'
import { searchesMax } from '../../packages/serdes/src/registry.ts'
import { type HttpProxy, startHttpProxy } from '../servers/http-proxy.ts'
import { type RegistryServer, startRegistry } from '../servers/registry.ts'

let server: RegistryServer
let proxy: HttpProxy
/** Somebody else's client, straight to the registry. */
let other: Client

beforeAll(async () => {
  server = await startRegistry()
  proxy = await startHttpProxy(server.url)
  other = new Client({ host: server.url })
}, 180_000)

afterAll(async () => {
  await proxy?.stop()
  await server?.stop()
})

let count = 0
let subject = ''
beforeEach(() => {
  subject = `pulses-${++count}-value`
  proxy.mode = 'pass'
})

const field = (name: string, type: unknown, rest: object = {}) => ({ name, type, ...rest })
const pulse = (...more: object[]): AvroSchema => ({
  type: 'record',
  name: `Pulse${count}`,
  fields: [field('tenant', 'string'), field('amount', { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 }), ...more],
})
const confluent = (schema: AvroSchema) => ({ type: SchemaType.AVRO as const, schema: JSON.stringify(schema) })
/** As another team's pipeline does. */
async function register(schema: AvroSchema, to = subject): Promise<number> {
  const body = JSON.stringify({ schema: JSON.stringify(schema) })
  const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' }
  const answer = await fetch(`${server.url}/subjects/${to}/versions`, { method: 'POST', headers, body })
  const told = (await answer.json()) as { id: number }
  expect({ status: answer.status, told }).toMatchObject({ status: 200 })
  return told.id
}
const registryOf = (options: Partial<SchemaRegistryOptions> = {}) =>
  schemaRegistry({ url: proxy.url, timeoutMs: 2000, backoffMs: { min: 20, max: 100 }, ...options })

/** Decodes as an engine does: what is not ready is decoded again when it may be. Says how often it waited. */
async function decoded<T>(serde: { decode(bytes: Uint8Array): T }, bytes: Uint8Array): Promise<{ value: T; waits: number }> {
  for (let waits = 0; ; waits++) {
    try {
      return { value: serde.decode(bytes), waits }
    } catch (thrown) {
      if (!(thrown instanceof NotReady)) throw thrown
      await thrown.until
    }
  }
}
const value = { tenant: 'ana', amount: '12.30' }

describe('with a registry', () => {
  it('writes what others read, and reads what others write', async () => {
    const serde = avro<unknown>(subject, { registry: registryOf(), schema: pulse(), register: true })
    await serde.prepare()
    const bytes = Buffer.from(serde.encode(value))
    const id = await other.getLatestSchemaId(subject)
    expect([bytes[0], bytes.readInt32BE(1)]).toEqual([0, id])
    expect(await other.decode(bytes)).toMatchObject({ tenant: 'ana', amount: Buffer.of(0x04, 0xce) })
    const theirs = await other.encode(id, { tenant: 'bia', amount: Buffer.of(1) })
    expect((await decoded(serde, theirs)).value).toEqual({ tenant: 'bia', amount: '0.01' })
    // A second one finds the same id without adding to it.
    const again = avro<unknown>(subject, { registry: registryOf(), schema: pulse() })
    await again.prepare()
    expect(Buffer.from(again.encode(value))).toEqual(bytes)
  })

  it('does not add a schema unasked, nor one that breaks those before', async () => {
    await expect(avro(subject, { registry: registryOf(), schema: pulse() }).prepare()).rejects.toThrow('register: true')
    await register(pulse())
    const breaking = avro(subject, { registry: registryOf(), schema: pulse(field('needed', 'int')), register: true })
    await expect(breaking.prepare()).rejects.toMatchObject({ code: 'RIACHO_REGISTRY' })
    expect(() => avro(subject, { registry: registryOf(), register: true })).toThrow('needs the schema')
  })

  it('reads whatever schema wrote a value as its own', async () => {
    const old = await register(pulse())
    const now = await register(pulse(field('unit', 'string', { default: 'GB' }), field('gone', 'int', { default: 1 })))
    const serde = avro<unknown>(subject, {
      registry: registryOf(),
      schema: pulse(field('unit', 'string', { default: 'GB' })),
      register: true,
    })
    const first = await other.encode(old, { tenant: 'ana', amount: Buffer.of(1) })
    const second = await other.encode(now, { tenant: 'bia', amount: Buffer.of(2), unit: 'HOUR', gone: 5 })
    expect((await decoded(serde, first)).value).toEqual({ tenant: 'ana', amount: '0.01', unit: 'GB' })
    expect((await decoded(serde, second)).value).toEqual({ tenant: 'bia', amount: '0.02', unit: 'HOUR' })
    const unread = await register({ type: 'record', name: 'Other', fields: [field('a', 'int')] } as AvroSchema, `other-${subject}`)
    await expect(decoded(serde, await other.encode(unread, { a: 1 }))).rejects.toMatchObject({ code: 'RIACHO_AVRO_SCHEMA' })
  })

  it('writes with the latest schema, and looks for a later one after its time', async () => {
    const old = await register(pulse())
    const serde = avro<unknown>(subject, { registry: registryOf({ latestMs: 50 }) })
    await serde.prepare()
    const id = () => Buffer.from(serde.encode(value)).readInt32BE(1)
    expect(id()).toBe(old)
    const now = await register(pulse(field('unit', 'string', { default: 'GB' })))
    await expect.poll(id, { timeout: 10_000 }).toBe(now)
    // While nobody answers it goes on with the one it has, and takes a later one when they do.
    await proxy.down()
    const asked = proxy.asked.length
    await new Promise(resolve => setTimeout(resolve, 150))
    expect(id()).toBe(now)
    const last = await register(pulse(field('unit', 'string', { default: 'GB' }), field('note', 'string', { default: '' })))
    expect(id()).toBe(now)
    await proxy.up()
    await expect.poll(id, { timeout: 10_000 }).toBe(last)
    expect(proxy.asked.length).toBeGreaterThan(asked)
  })

  it('follows references to other subjects', async () => {
    const part = `part-${subject}`
    await register({ type: 'record', name: `Part${count}`, fields: [field('sku', 'string')] } as AvroSchema, part)
    const whole = { type: 'record', name: `Whole${count}`, fields: [field('part', `Part${count}`)] }
    const references = [{ name: `Part${count}`, subject: part, version: 1 }]
    const { id } = await other.register({ ...confluent(whole), references }, { subject, updateConfig: false })
    const bytes = await other.encode(id, { part: { sku: 'a' } })
    expect((await decoded(avro<unknown>(subject, { registry: registryOf() }), bytes)).value).toEqual({ part: { sku: 'a' } })
  })
})

it('riacho produce and consume write and read with its schemas', async () => {
  const id = await register(pulse())
  const broker = await embedded()
  const place = { topic: subject, part: 'value', registry: proxy.url } as const
  const form = await formOf(`avro=${subject}`, place)
  const forms = { key: await formOf('text', { ...place, part: 'key' }), value: form }
  await expect(formOf('avro', place)).resolves.toHaveProperty('toJson')
  await form.prepare()
  const from = join(tmpdir(), `riacho-${subject}`)
  const bad = { tenant: 'bia', amount: 5 }
  writeFileSync(from, [value, value, bad].map(each => JSON.stringify({ key: 'k', value: each })).join('\n'))
  await expect(produce(broker, { topic: 'pulses', from, read: recordLines(forms) })).rejects.toThrow(
    /line 3: .*amount.*the 2 lines before it/,
  )
  rmSync(from)
  const lines: { value: unknown }[] = []
  await consume(broker, { topic: 'pulses', untilEnd: true, forms }, line => void lines.push(JSON.parse(line)))
  expect(lines.map(line => line.value)).toEqual([value, value])
  await consume(broker, { topic: 'pulses', untilEnd: true, max: 1 }, line => expect(line).toContain('base64'))
  expect(await other.getLatestSchemaId(subject)).toBe(id)
  form.close()
  await broker.close()
})

describe('while the registry is away', () => {
  it('reads and writes what it knows', async () => {
    await register(pulse())
    const serde = avro<unknown>(subject, { registry: registryOf(), schema: pulse() })
    await serde.prepare()
    const bytes = serde.encode(value)
    await decoded(serde, bytes)
    const asked = proxy.asked.length
    await proxy.down()
    for (let i = 0; i < 1000; i++) expect(serde.decode(serde.encode(value))).toEqual(value)
    await proxy.up()
    expect(proxy.asked.length).toBe(asked)
  })

  it.each(['down', 'error', 'silent'] as const)('waits for a schema that it does not know: %s', async way => {
    const id = await register(pulse())
    const bytes = await other.encode(id, { tenant: 'ana', amount: Buffer.of(1) })
    const serde = avro<unknown>(subject, { registry: registryOf({ unknownIdMs: 0 }) })
    if (way === 'down') await proxy.down()
    else proxy.mode = way
    let done = false
    const result = decoded(serde, bytes).finally(() => {
      done = true
    })
    const before = proxy.asked.length
    if (way === 'down') await new Promise(resolve => setTimeout(resolve, 300))
    else await expect.poll(() => proxy.asked.length - before, { timeout: 10_000 }).toBeGreaterThan(2)
    expect(done).toBe(false)
    if (way === 'down') await proxy.up()
    else proxy.mode = 'pass'
    const { value: got, waits } = await result
    expect(got).toEqual({ tenant: 'ana', amount: '0.01' })
    expect(waits).toBeGreaterThan(1)
  })

  it('does not start without what it writes with, after so many tries, and starts when it is asked again', async () => {
    await register(pulse())
    const serde = avro<unknown>(subject, { registry: registryOf({ retriesMax: 2 }), schema: pulse() })
    proxy.mode = 'error'
    const before = proxy.asked.length
    await expect(serde.prepare()).rejects.toMatchObject({ code: 'RIACHO_REGISTRY' })
    expect(proxy.asked.length - before).toBe(3)
    expect(() => serde.encode(value)).toThrow(NotReady)
    proxy.mode = 'pass'
    await serde.prepare()
    expect(serde.decode).toBeDefined()
    expect((await decoded(serde, serde.encode(value))).value).toEqual(value)
  })
})

describe('ids that nobody has', () => {
  const framed = (id: number, ...rest: number[]) => Buffer.from([0, id >>> 24, (id >> 16) & 255, (id >> 8) & 255, id & 255, ...rest])

  it('are asked for again until they are there', async () => {
    const serde = avro<unknown>(subject, { registry: registryOf({ unknownIdMs: 60_000 }) })
    // The next id is not taken yet.
    const id = (await register(pulse(), `before-${subject}`)) + 1
    const result = decoded(serde, framed(id, 2, 97))
    const before = proxy.asked.length
    await expect.poll(() => proxy.asked.length - before, { timeout: 10_000 }).toBeGreaterThan(1)
    expect(await register({ type: 'record', name: `Late${count}`, fields: [field('a', 'string')] } as AvroSchema)).toBe(id)
    expect((await result).value).toEqual({ a: 'a' })
  })

  it('are bad after their time, without asking for each record', async () => {
    const serde = avro<unknown>(subject, { registry: registryOf({ unknownIdMs: 100 }) })
    await expect(decoded(serde, framed(2_000_000_000, 2))).rejects.toMatchObject({ code: 'RIACHO_SCHEMA_ID' })
    const asked = proxy.asked.length
    for (let i = 0; i < 100; i++) expect(() => serde.decode(framed(2_000_000_000, 2))).toThrow('RIACHO_SCHEMA_ID')
    expect(proxy.asked.length).toBe(asked)
  })

  it('are searched for and refused a bounded number at a time, and schemas are kept a bounded number', async () => {
    const registry = registryOf({ unknownIdMs: 0, schemasMax: 1 })
    const serde = avro<unknown>(subject, { registry })
    for (let id = 1_000_000_000; id < 1_000_000_005 + searchesMax; id++)
      await expect(decoded(serde, framed(id, 2))).rejects.toMatchObject({ code: 'RIACHO_SCHEMA_ID' })
    expect(registry.searches).toBe(searchesMax)
    const [first, second] = [await register(pulse()), await register(pulse(field('unit', 'string', { default: '' })))]
    await registry.typeOf(first)
    await registry.typeOf(second)
    expect([registry.known(first), registry.known(second)]).toEqual([undefined, expect.anything()])
  })

  it('bytes without an id are bad at once', () => {
    const serde = avro<unknown>(subject, { registry: registryOf() })
    for (const bytes of [[], [0, 0, 0], [1, 0, 0, 0, 1, 2], [123, 34, 97]])
      expect(() => serde.decode(Buffer.from(bytes))).toThrow('RIACHO_AVRO_BYTES')
  })

  it('a schema that is not Avro is refused', async () => {
    const json = JSON.stringify({
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      properties: { a: { type: 'string' } },
    })
    const { id } = await other.register({ type: SchemaType.JSON, schema: json }, { subject, updateConfig: false })
    await expect(decoded(avro(subject, { registry: registryOf() }), framed(id, 2))).rejects.toMatchObject({ code: 'RIACHO_AVRO_SCHEMA' })
  })
})

describe('keys', () => {
  const key = (...more: object[]): AvroSchema => ({ type: 'record', name: `Key${count}`, fields: [field('id', 'string'), ...more] })

  it('have one id, and others are refused', async () => {
    const serde = avroKey<{ id: string }>(subject, { registry: registryOf(), schema: key(), register: true })
    const later = await register(key(field('region', 'string', { default: '' })), subject)
    await serde.prepare()
    const bytes = serde.encode({ id: 'a' })
    expect((await decoded(serde, bytes)).value).toEqual({ id: 'a' })
    expect(Buffer.from(serde.encode({ id: 'a' }))).toEqual(Buffer.from(bytes))
    await expect(decoded(serde, await other.encode(later, { id: 'a', region: '' }))).rejects.toMatchObject({ code: 'RIACHO_SCHEMA_ID' })
  })

  it('have one form', () => {
    const registry = registryOf()
    expect(() => avroKey(subject, { registry, schema: key(field('labels', { type: 'map', values: 'int' })) })).toThrow('no order')
    expect(avroKey(subject, { registry, schema: key() }).notForKeys).toBeUndefined()
    expect(avro(subject, { registry }).notForKeys).toContain('avroKey')
  })
})

it('riacho avro types makes the types of a subject, with the schema as it was registered', async () => {
  await register(pulse(field('at', { type: 'long', logicalType: 'timestamp-millis' })))
  const main = fileURLToPath(new URL('../../packages/riacho/src/main.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [main, 'avro', 'types', '--registry', server.url, '--subject', subject])
  expect(stdout).toContain(
    `export interface Pulse${count} {\n  readonly tenant: string\n  readonly amount: string\n  readonly at: number\n}`,
  )
  expect(stdout).toContain('"logicalType": "timestamp-millis"')
}, 60_000)

it('an application goes on with what it knows while the registry is away, waits for what it does not know, and gives nothing up', async () => {
  const broker = await embedded()
  await broker.admin.createTopics(
    [['in', 2] as const, ['out', 2] as const, ['dead', 1] as const].map(([name, partitions]) => ({ name, partitions })),
  )
  const [known, unknown] = [await register(pulse()), await register(pulse(field('unit', 'string', { default: 'GB' })))]
  const producer = await broker.producer({})
  const send = async (partition: number, id: number, ...tenants: string[]): Promise<void> => {
    for (const tenant of tenants)
      producer
        .partition({ topic: 'in', partition })
        .append(Date.now(), `k${partition}`, await other.encode(id, { tenant, amount: Buffer.of(1), unit: 'GB' }))
    await producer.flush()
  }
  const pulses = topic('in', {
    key: text,
    value: avro<{ tenant: string }>(subject, { registry: registryOf() }),
    onError: { deadLetter: 'dead' },
  })
  const names = pulses.pipe(
    mapValues(({ tenant }) => tenant),
    to('out', { value: text }),
  )
  const running = app(topology('registry', names), { broker, commitIntervalMs: 20 })
  await running.start()
  await send(0, known, 'a')
  await expect.poll(() => read(broker, 'out').then(rows => rows.length)).toBe(1)
  await proxy.down()
  await send(0, known, 'b')
  await send(0, unknown, 'c')
  await send(0, known, 'd')
  await send(1, known, 'e', 'f')
  const written = async () => (await values(broker, 'out')).toSorted()
  await expect.poll(written).toEqual(['a', 'b', 'e', 'f'])
  await expect.poll(() => committed(broker, 'registry', 'in', 0)).toBe(2)
  const lag = () => running.metrics().lag.find(({ topic: name, partition }) => name === 'in' && partition === 0)?.records
  await expect.poll(lag).toBe(2)
  await proxy.up()
  await expect.poll(written, { timeout: 5000 }).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  expect(await values(broker, 'dead')).toEqual([])
  expect((await read(broker, 'out')).filter(({ key }) => key === 'k0').map(({ value: tenant }) => tenant)).toEqual(['a', 'b', 'c', 'd'])
  await running.stop()
  await producer.close()
  await broker.close()
}, 60_000)

it('a topic whose keys and values are Avro has each record as it was', async () => {
  const broker = await embedded()
  await broker.admin.createTopics(['in', 'out'].map(name => ({ name, partitions: 4 })))
  const options = { registry: registryOf(), register: true }
  const key = avroKey<{ tenant: string }>(`${subject}-key`, {
    ...options,
    schema: { type: 'record', name: `Key${count}`, fields: [field('tenant', 'string')] },
  })
  const pulses = avro<typeof value>(subject, { ...options, schema: pulse() })
  const keyed = topic('in', { key: text, value: pulses }).pipe(
    rekey('by-tenant', ({ tenant }) => ({ tenant }), { key }),
    to('out', { value: pulses }),
  )
  await pulses.prepare!()
  const producer = await broker.producer({})
  const tenants = Array.from({ length: 100 }, (_, i) => `tenant-${i}`)
  for (const tenant of tenants)
    producer.partition({ topic: 'in', partition: 0 }).append(1, null, Buffer.from(pulses.encode({ ...value, tenant })))
  await producer.flush()
  await producer.close()
  const running = app(topology('avro-keys', keyed), { broker })
  await running.start()
  await running.untilEnd()
  await running.stop()
  const found: unknown[] = []
  await readRecords(broker, { topic: 'out', untilEnd: true }, (_, cursor) => {
    const bytes = bytesAt(cursor)
    found.push([key.decode(bytes.key!), pulses.decode(bytes.value!)])
    return true
  })
  const wanted = tenants.map(tenant => [{ tenant }, { ...value, tenant }])
  expect(found).toHaveLength(tenants.length)
  expect(found).toEqual(expect.arrayContaining(wanted))
  await broker.close()
})
