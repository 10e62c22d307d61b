import { execFile } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectCluster, failuresOf, readConnectors, watchConnectors } from '@riacho/connect'
import { kafka } from '@riacho/kafka'
import { app } from '@riacho/runtime'
import { connectJson } from '@riacho/serdes'
import { text, to, topic, topology } from '@riacho/streams'
import type { Broker } from '@riacho/streams/engine'
import { configure, type Running, run } from 'riacho'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type ConnectServer, startConnect } from '../servers/connect.ts'
import { type KafkaServer, startKafka } from '../servers/kafka.ts'

const main = fileURLToPath(new URL('../../packages/riacho/src/main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'riacho-connectors-'))
let server: KafkaServer
let worker: ConnectServer
let broker: Broker

beforeAll(async () => {
  server = await startKafka()
  ;[worker, broker] = await Promise.all([startConnect(server.address), kafka({ brokers: [server.address] })])
}, 180_000)

afterAll(async () => {
  await broker?.close()
  await worker?.stop()
  await server?.stop()
  rmSync(folder, { recursive: true })
})

interface Ended {
  readonly code: number
  readonly out: string
  readonly error: string
}

/** `riacho connect …` in a process of its own. */
const riacho = (...args: readonly string[]): Promise<Ended> =>
  new Promise(resolve => {
    const environment = { ...process.env, RIACHO_CONNECT_URL: worker.url }
    execFile(process.execPath, [main, 'connect', ...args], { cwd: folder, env: environment }, (failed, out, error) =>
      resolve({ code: failed === null ? 0 : Number(failed.code), out, error }),
    )
  })

function define(file: string, name: string, config: Readonly<Record<string, unknown>>): string {
  writeFileSync(join(folder, file), JSON.stringify({ name, config }))
  return file
}

/** Values of a topic, as bytes, until there are so many. */
async function values(name: string, count: number): Promise<Buffer[]> {
  const fetcher = broker.fetcher({ isolation: 'read_committed' })
  fetcher.add({ topic: name, partition: 0 }, 0)
  const found: Buffer[] = []
  try {
    for (const deadline = Date.now() + 30_000; found.length < count && Date.now() < deadline; )
      for (const slice of await fetcher.poll(200)) {
        const cursor = slice.cursor()
        while (cursor.next()) found.push(Buffer.from(cursor.valueFrame.subarray(cursor.valueStart, cursor.valueEnd)))
        slice.release()
      }
  } finally {
    fetcher.close()
  }
  return found
}

const texts = async (name: string, count: number): Promise<string[]> => (await values(name, count)).map(bytes => text.decode(bytes))
const stringConverter = 'org.apache.kafka.connect.storage.StringConverter'

/** As the event processor's authors registered it. */
const fileSource = (file: string) => ({
  'connector.class': 'FileStreamSource',
  'tasks.max': 1,
  topic: 'stream_producer',
  file,
  'key.converter': stringConverter,
  'value.converter': stringConverter,
})

it('applies the file source, whose lines and later lines arrive; again it changes nothing', async () => {
  const events = join(folder, 'events.txt')
  await broker.admin.createTopics([{ name: 'stream_producer', partitions: 1 }])
  writeFileSync(events, '{"uid":"1"}\n')
  const file = define('file-source-connector.json', 'file-source-connector', fileSource(events))
  const running = 'file-source-connector: RUNNING, task 0 RUNNING\n'
  expect(await riacho('apply', file)).toEqual({ code: 0, out: `file-source-connector: created\n${running}`, error: '' })
  expect(await texts('stream_producer', 1)).toEqual(['{"uid":"1"}'])
  appendFileSync(events, '{"uid":"ã"}\n')
  expect(await texts('stream_producer', 2)).toEqual(['{"uid":"1"}', '{"uid":"ã"}'])
  expect((await riacho('apply', file)).out).toBe(`file-source-connector: unchanged\n${running}`)
  expect((await riacho('status')).out).toBe(running)

  define(file, 'file-source-connector', { ...fileSource(events), 'batch.size': 500 })
  expect((await riacho('apply', file)).out).toContain('file-source-connector: updated')

  // A standalone worker that died has forgotten the connector, but not how far it had read.
  await worker.kill()
  appendFileSync(events, '{"uid":"3"}\n')
  await worker.restart()
  expect((await riacho('apply', file)).out).toContain('file-source-connector: created')
  expect((await texts('stream_producer', 3)).at(-1)).toBe('{"uid":"3"}')
  expect((await riacho('delete', 'file-source-connector')).out).toBe('file-source-connector: deleted\n')
  expect(await riacho('delete', 'file-source-connector')).toMatchObject({ code: 0, out: 'file-source-connector: there was none\n' })
}, 120_000)

const jsonConverter = { 'value.converter': 'org.apache.kafka.connect.json.JsonConverter', 'value.converter.schemas.enable': 'true' }

it('reads what JsonConverter writes with schemas, and writes what it reads', async () => {
  const cluster = connectCluster({ url: worker.url })
  await broker.admin.createTopics([
    { name: 'lines', partitions: 1 },
    { name: 'rows', partitions: 1 },
  ])
  writeFileSync(join(folder, 'lines.txt'), 'alpha\nbeta\n')
  const hoist = {
    transforms: 'h',
    'transforms.h.type': 'org.apache.kafka.connect.transforms.HoistField$Value',
    'transforms.h.field': 'line',
  }
  const source = { 'connector.class': 'FileStreamSource', file: join(folder, 'lines.txt'), topic: 'lines', ...jsonConverter, ...hoist }
  const [lines] = readConnectors(join(folder, define('lines.json', 'lines', source)))
  expect(await cluster.apply(lines!)).toBe('created')
  await cluster.running('lines', 60_000)
  const serde = connectJson<{ line: string }>()
  expect((await values('lines', 2)).map(bytes => serde.decode(bytes))).toEqual([{ line: 'alpha' }, { line: 'beta' }])

  const data = 'org.apache.kafka.connect.data'
  const price = { field: 'price', type: 'bytes', name: `${data}.Decimal`, version: 1, parameters: { scale: '2' } } as const
  const day = { field: 'day', type: 'int32', name: `${data}.Date`, version: 1 } as const
  const row = connectJson<unknown>({ schema: { type: 'struct', fields: [{ field: 'id', type: 'int32' }, price, day] } })
  const producer = await broker.producer({})
  producer.partition({ topic: 'rows', partition: 0 }).append(Date.now(), null, row.encode({ id: 7, price: '-12.30', day: '1970-01-02' }))
  await producer.flush()
  await producer.close()
  const sink = { 'connector.class': 'FileStreamSink', file: join(folder, 'rows.txt'), topics: 'rows', ...jsonConverter }
  const [rows] = readConnectors(join(folder, define('rows.json', 'rows', sink)))
  await cluster.apply(rows!)
  await cluster.running('rows', 60_000)
  const written = () => readFileSync(join(folder, 'rows.txt'), 'utf8')
  await expect.poll(written, { timeout: 30_000 }).toMatch(/^Struct\{id=7,price=-12\.30,day=Fri Jan 02 00:00:00 \w+ 1970\}\n$/)
  for (const name of ['lines', 'rows']) expect(await cluster.delete(name)).toBe(true)
}, 120_000)

it('a failed task is told by the commands, by a metric and by the health', async () => {
  const cluster = connectCluster({ url: worker.url })
  await broker.admin.createTopics([{ name: 'unwritable', partitions: 1 }])
  const config = { 'connector.class': 'FileStreamSink', file: join(folder, 'no', 'such', 'folder'), topics: 'unwritable' }
  const applied = await riacho('apply', define('unwritable.json', 'unwritable', config))
  expect(applied.code).toBe(1)
  expect(applied.error).toMatch(/RIACHO_CONNECTOR_FAILED: task 0 of connector 'unwritable' failed: .*Couldn't find or create file/)
  expect(await riacho('status')).toMatchObject({ code: 1, out: expect.stringContaining('unwritable: RUNNING, task 0 FAILED (') })
  expect(await riacho('status', 'nobody')).toMatchObject({ code: 1, out: 'nobody: there is none\n' })

  const plan = topology('watched', topic('in', { key: text, value: text }).pipe(to('out')))
  const flags = { connectUrl: worker.url, httpPort: 0, dataDir: join(folder, 'data'), logLevel: 'silent' }
  const ready = Promise.withResolvers<Running>()
  const ended = run(plan, { settings: configure({ flags }), onRunning: ready.resolve })
  const { app, url } = await Promise.race([ready.promise, ended.then(() => Promise.reject(new Error('it ended')))])
  try {
    const health = async () => (await fetch(`${url}/health/ready`)).json()
    expect(await health()).toMatchObject({ ready: false, reasons: [expect.stringContaining("task 0 of connector 'unwritable' failed")] })
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('riacho_connector_failures{connector="unwritable"} 1')
    // For a moment Connect still tells what failed before.
    const mended = { ...config, file: join(folder, 'writable.txt') }
    expect(await riacho('apply', define('mended.json', 'unwritable', mended))).toMatchObject({ code: 0, error: '' })
    await expect.poll(health, { timeout: 30_000 }).toMatchObject({ ready: true, reasons: [] })
    // Nor is what ran before taken for what was applied.
    expect(await riacho('apply', define('broken.json', 'unwritable', config))).toMatchObject({ code: 1 })
    await cluster.delete('unwritable')
  } finally {
    await app.stop()
    await ended
  }
}, 120_000)

it('a line that is too large for the producer of Connect is a failed task; with a larger limit it comes, and is a dead letter', async () => {
  await broker.admin.createTopics([
    { name: 'long-lines', partitions: 1, config: { 'max.message.bytes': '5000000' } },
    ...['long-out', 'long-dead'].map(name => ({ name, partitions: 1 })),
  ])
  writeFileSync(join(folder, 'long.txt'), `${'x'.repeat(1_100_000)}\nshort\n`)
  const cluster = connectCluster({ url: worker.url })
  const apply = (more: Readonly<Record<string, unknown>>) => {
    const config = { ...fileSource(join(folder, 'long.txt')), topic: 'long-lines', ...more }
    return cluster.apply(readConnectors(join(folder, define('long.json', 'long-lines', config)))[0]!)
  }
  await apply({})
  // What health and metrics tell.
  const watch = await watchConnectors(cluster, { everyMs: 100 })
  const failed = expect.stringMatching(/task 0 of connector 'long-lines' failed: .*RecordTooLargeException.*max\.request\.size/)
  await expect.poll(() => watch.reasons, { timeout: 30_000 }).toEqual([failed])
  expect(watch.failed.get('long-lines')).toBe(1)
  expect((await broker.admin.offsets([{ topic: 'long-lines', partition: 0 }]))[0]!.highWatermark).toBe(0)

  expect(await apply({ 'producer.override.max.request.size': 5_000_000 })).toBe('updated')
  const lines = topic('long-lines', { key: text, value: text })
  const plan = topology('long-lines', lines.pipe(to('long-out', { onError: { deadLetter: 'long-dead' } })))
  const running = app(plan, { broker, commitIntervalMs: 100 })
  await running.start()
  expect(await texts('long-out', 1)).toEqual(['short'])
  const [letter] = await values('long-dead', 1)
  expect(letter!.length).toBeGreaterThan(1_000_000)
  await expect.poll(() => watch.reasons, { timeout: 30_000 }).toEqual([])
  await running.stop()
  await watch.stop()
  expect(await cluster.delete('long-lines')).toBe(true)
}, 60_000)

it('says what is wrong with an address, a file and a configuration', async () => {
  expect(await riacho('status', '--connect', 'http://127.0.0.1:1')).toMatchObject({
    code: 1,
    error: expect.stringContaining('RIACHO_CONNECT'),
  })
  writeFileSync(join(folder, 'broken.json'), '{')
  expect(await riacho('apply', 'broken.json')).toMatchObject({
    code: 1,
    error: expect.stringContaining('RIACHO_CONNECTOR: broken.json is no JSON'),
  })
  expect(await riacho('apply', define('unknown.json', 'unknown', { 'connector.class': 'NoSuchConnector' }))).toMatchObject({
    code: 1,
    error: expect.stringMatching(/RIACHO_CONNECT: .*NoSuchConnector/s),
  })
  expect(await riacho('apply')).toMatchObject({ code: 2 })
  expect(failuresOf({ name: 'a', state: 'FAILED', reason: 'why', tasks: [] })).toEqual(["connector 'a' failed: why"])
}, 60_000)
