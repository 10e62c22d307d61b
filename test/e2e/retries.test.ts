import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { kafka } from '@riacho/kafka'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type KafkaServer, startKafka } from '../servers/kafka.ts'
import { node, riachoFile, type Started, until } from './event-processor.fixture.ts'

const appFile = fileURLToPath(new URL('retries-app.fixture.ts', import.meta.url))
const events = 600
const delays = [300, 600, 900]
const folder = mkdtempSync(join(tmpdir(), 'riacho-retries-'))
const started: Started[] = []

/** A try as the server saw it. */
interface Seen {
  readonly n: number
  readonly count: number
  readonly at: number
}
const seen: Seen[] = []
let isOpen = false
let web: Server
let cluster: KafkaServer

const always = (n: number): boolean => n % 100 === 7
const sometimes = (n: number): boolean => n % 100 === 53

beforeAll(async () => {
  web = createServer(async (request, response) => {
    const n = Number(await textOf(request))
    const count = Number(request.headers['retry-count'])
    seen.push({ n, count, at: Date.now() })
    response.statusCode = !isOpen && (always(n) || (sometimes(n) && count < 4)) ? 503 : 200
    response.end()
  })
  await new Promise<void>(resolve => web.listen(0, '127.0.0.1', () => resolve()))
  process.env.RETRIES_URL = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
  cluster = await startKafka()
  const broker = await kafka({ brokers: [cluster.address] })
  await broker.admin.createTopics(['retries-in', 'retries-out', 'retries-dead'].map(name => ({ name, partitions: 3 })))
  await broker.close()
}, 180_000)

afterAll(async () => {
  for (const { child } of started) child.kill('SIGKILL')
  web?.closeAllConnections()
  web?.close()
  delete process.env.RETRIES_URL
  await cluster?.stop()
  rmSync(folder, { recursive: true, force: true })
})

function riacho(...args: readonly string[]): Started {
  const made = node(riachoFile, [...args, '-b', cluster.address])
  started.push(made)
  return made
}

async function said(...args: readonly string[]): Promise<string> {
  const { code, out, error } = await riacho(...args).ended
  expect({ code, error }).toEqual({ code: 0, error: '' })
  return out
}

const run = (...args: readonly string[]): Started =>
  riacho('run', appFile, '--guarantee', 'exactly-once', '--http-port', '0', '--log-level', 'warn', ...args)

async function numbersIn(topic: string): Promise<number[]> {
  const lines = (await said('consume', topic, '--until-end', '--value', 'json')).split('\n').filter(line => line !== '')
  const values = lines.map(line => (JSON.parse(line) as { value: number | { n: number } }).value)
  return values.map(value => (typeof value === 'number' ? value : value.n)).sort((a, b) => a - b)
}

const all = Array.from({ length: events }, (_, n) => n)

it('on a cluster, killed with -9 twice: each failing event has its tries with its pauses, and what was put aside goes into its stage again', async () => {
  const file = join(folder, 'events.jsonl')
  writeFileSync(file, all.map(n => JSON.stringify({ key: `k${n % 20}`, value: { n } })).join('\n'))
  await said('produce', 'retries-in', '--records', '--value', 'json', '--from', file)
  for (const tries of [200, 640]) {
    const killed = run()
    await until(() => seen.length > tries || killed.child.exitCode !== null, `${tries} tries`, 60_000)
    killed.child.kill('SIGKILL')
    await killed.ended
  }
  const { code, error } = await run('--until-end').ended
  expect(code, error).toBe(0)

  expect(await numbersIn('retries-out')).toEqual(all.filter(n => !always(n)))
  expect(await numbersIn('retries-dead')).toEqual(all.filter(always))
  for (const n of all) {
    const own = seen.filter(each => each.n === n)
    const counts = [...new Set(own.map(({ count }) => count))].sort()
    expect(counts, String(n)).toEqual([0, 1, 2, 3, 4, 5].slice(0, always(n) ? 6 : sometimes(n) ? 5 : 1))
    const first = (count: number): number => own.find(each => each.count === count)?.at ?? Number.POSITIVE_INFINITY
    for (const [i, delay] of delays.entries()) expect(first(i + 3) - first(i + 2), `${n}, try ${i + 4}`).not.toBeLessThan(delay - 1)
  }

  isOpen = true
  seen.length = 0
  expect(JSON.parse(await said('dlq', 'replay', 'retries-dead', '--into-stage'))).toEqual({
    replayed: events / 100,
    before: 0,
    homeless: 0,
    lost: 0,
    cut: 0,
  })
  expect((await run('--until-end').ended).code).toBe(0)
  expect(await numbersIn('retries-out')).toEqual(all)
  expect(seen.map(({ n, count }) => [n, count]).sort(([a], [b]) => a! - b!)).toEqual(all.filter(always).map(n => [n, 0]))
}, 180_000)
