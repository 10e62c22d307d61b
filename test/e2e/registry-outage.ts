// Avro records on a real Kafka while their schema registry fails: it is away, answers with errors, or not at all. What is known goes on, a partition with an id that is not known waits,
// and nothing is put aside.
// node test/e2e/registry-outage.ts [--seconds 60]
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type KafkaCluster, kafka } from '@riacho/kafka'
import { scan } from '../bench/kafka/topics.ts'
import { startHttpProxy } from '../servers/http-proxy.ts'
import { startKafka } from '../servers/kafka.ts'
import { startRegistry } from '../servers/registry.ts'
import { node, readTopic, riachoFile, type Started, until } from './event-processor.fixture.ts'
import { residentBytes } from './kafka/absence.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' } } })
const seconds = Number(values.seconds)
/** Records that are written at once. */
const burst = 100_000
/** Milliseconds between two bursts. */
const pauseMs = 500
const growthMax = 64 << 20
const resumedWithinMs = 5000
/** Longest wait for an answer of the registry, and the longest pause after it, with something for the way. */
const tryMaxSeconds = 5
const appFile = fileURLToPath(new URL('registry-app.fixture.ts', import.meta.url))

/** Writes and counts what an application reads and writes. */
class Pulses {
  readonly #broker: KafkaCluster
  readonly #registry: string
  /** How many were written to each partition: they are numbered from 0. */
  readonly written = [0, 0]

  constructor(broker: KafkaCluster, registry: string) {
    this.#broker = broker
    this.#registry = registry
  }

  /** Registers one more version of the schema. Returns its id. */
  async register(version: number): Promise<number> {
    const fields = [
      { name: 'n', type: 'int' },
      { name: `added${version}`, type: 'string', default: '' },
    ]
    const body = JSON.stringify({ schema: JSON.stringify({ type: 'record', name: 'Pulse', fields }) })
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' }
    const answer = await fetch(`${this.#registry}/subjects/pulses-value/versions`, { method: 'POST', headers, body })
    return ((await answer.json()) as { id: number }).id
  }

  async write(partition: number, id: number, count: number): Promise<void> {
    const producer = await this.#broker.producer({})
    for (let i = 0; i < count; i++) {
      const n = this.written[partition]!++
      producer.partition({ topic: 'pulses', partition }).append(Date.now(), `${partition}`, encoded(id, n))
    }
    await producer.flush()
    await producer.close()
  }

  /** How many numbers have come out. */
  async out(): Promise<number> {
    const ends = await this.#broker.admin.offsets([0, 1].map(partition => ({ topic: 'numbers', partition })))
    return ends.reduce((sum, end) => sum + end.lastStable, 0)
  }

  /** What differs from what was written. */
  async differences(): Promise<string[]> {
    const found: string[] = []
    const next = [0, 0]
    await scan(this.#broker, 'numbers', ({ keyFrame, keyStart, keyEnd, valueFrame, valueStart, valueEnd }) => {
      const partition = Number(keyFrame.latin1Slice(keyStart, keyEnd))
      const n = Number(valueFrame.latin1Slice(valueStart, valueEnd))
      if (n !== next[partition] && found.length < 5) found.push(`partition ${partition}: ${n} instead of ${next[partition]}`)
      next[partition] = n + 1
    })
    for (const [partition, count] of this.written.entries())
      if (next[partition] !== count) found.push(`partition ${partition}: ${next[partition]} of ${count} came out`)
    const dead = await readTopic(this.#broker, 'pulses-dead')
    if (dead.length > 0) found.push(`${dead.length} dead letters`)
    return found
  }
}

/** The framing of Confluent's registry, the number, and an empty text. */
function encoded(id: number, n: number): Buffer {
  const bytes = [0, id >>> 24, (id >> 16) & 255, (id >> 8) & 255, id & 255]
  let left = n * 2
  for (; left > 127; left = Math.floor(left / 128)) bytes.push((left % 128) | 128)
  return Buffer.from([...bytes, left, 0])
}

/** The application's process, from outside. */
class Watched {
  readonly started: Started
  memoryMax = 0
  readonly #timer: NodeJS.Timeout

  constructor(started: Started) {
    this.started = started
    this.#timer = setInterval(() => {
      if (started.child.exitCode === null) this.memoryMax = Math.max(this.memoryMax, residentBytes(started.child.pid!))
    }, 250)
  }

  /** What it has used of processors, seconds; Linux counts in hundredths. */
  get processorSeconds(): number {
    const fields = readFileSync(`/proc/${this.started.child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  }

  /** Waits until something is so, or the application has ended. */
  async until(isSo: () => Promise<boolean>, what: string): Promise<void> {
    const { child, text } = this.started
    await until(async () => child.exitCode !== null || (await isSo()), what, 60_000)
    if (child.exitCode !== null) throw new Error(`the application ended with ${child.exitCode}: ${text.error}`)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.started.child.kill('SIGKILL')
  }
}

/** Writes bursts for some time, and waits each time until all has come out. Returns records per second of processor time, of all of them: Linux counts too coarsely for one. */
async function bursts(pulses: Pulses, app: Watched, id: number, forSeconds: number): Promise<number> {
  const before = app.processorSeconds
  let written = 0
  for (const end = performance.now() + forSeconds * 1000; performance.now() < end; await sleep(pauseMs)) {
    const out = await pulses.out()
    await pulses.write(0, id, burst)
    written += burst
    await app.until(async () => (await pulses.out()) >= out + burst, 'a burst has come out')
  }
  return written / (app.processorSeconds - before)
}

const server = await startKafka()
const registry = await startRegistry()
const proxy = await startHttpProxy(registry.url)
const broker = await kafka({ brokers: [server.address] })
const pulses = new Pulses(broker, registry.url)
await broker.admin.createTopics([
  { name: 'pulses', partitions: 2 },
  { name: 'numbers', partitions: 2 },
  { name: 'pulses-dead', partitions: 1 },
])
const settings = ['-b', server.address, '--guarantee', 'at-least-once', '--commit-interval-ms', '100', '--http-port', '0']
const app = new Watched(node(riachoFile, ['run', appFile, ...settings], undefined, { SCHEMA_REGISTRY_URL: proxy.url }))
const known = await pulses.register(0)

interface Way {
  readonly name: string
  begin(): Promise<void> | void
  end(): Promise<void> | void
}
const set = (mode: typeof proxy.mode) => (): void => {
  proxy.mode = mode
}
const ways: readonly Way[] = [
  { name: 'is away', begin: () => proxy.down(), end: () => proxy.up() },
  { name: 'answers 500', begin: set('error'), end: set('pass') },
  { name: 'does not answer', begin: set('silent'), end: set('pass') },
]

/** What goes wrong while the registry fails in one way. */
async function faults(way: Way, version: number): Promise<readonly string[]> {
  const wrong: string[] = []
  const unknown = await pulses.register(version)
  await pulses.write(1, known, 10)
  const before = await bursts(pulses, app, known, seconds / 3)
  const memoryBefore = app.memoryMax
  const asked = proxy.asked.length
  await way.begin()
  await pulses.write(1, unknown, 1)
  await pulses.write(1, known, 100)
  const during = await bursts(pulses, app, known, seconds)
  const out = await pulses.out()
  const written = pulses.written[0]! + pulses.written[1]!
  if (out !== written - 101) wrong.push(`${out} of ${written} came out while 101 had to wait`)
  const [committed] = await broker.admin.committed('registry-outage', [{ topic: 'pulses', partition: 1 }])
  const first = pulses.written[1]! - 101
  if (committed?.offset !== first) wrong.push(`what waits is at ${first}, and ${committed?.offset} is committed`)
  const tries = proxy.asked.length - asked
  if (way.name !== 'is away' && tries < seconds / tryMaxSeconds - 1) wrong.push(`only ${tries} tries`)
  await way.end()
  const back = performance.now()
  await app.until(async () => (await pulses.out()) >= written, 'what waited has come out')
  const resumed = performance.now() - back
  if (resumed > resumedWithinMs) wrong.push(`what waited came out after ${resumed.toFixed(0)} ms`)
  const growth = app.memoryMax - memoryBefore
  if (growth > growthMax) wrong.push(`${growth >> 20} MB more in memory`)
  const speed = `${(during / 1000).toFixed(0)}k records per processor second of what is known, ${(during / before).toFixed(2)} of before`
  console.log(
    `${way.name}, for ${seconds} s: ${speed}; ${tries} tries; went on after ${(resumed / 1000).toFixed(1)} s; ${growth >> 20} MB more in memory`,
  )
  return wrong
}

let failed = 0
try {
  await app.until(async () => app.started.text.error.includes('state RUNNING'), 'the application runs')
  // A process that has not worked hard yet is slow, and has heap to grow into.
  await bursts(pulses, app, known, seconds)
  for (const [i, way] of ways.entries()) {
    const wrong = await faults(way, i + 1)
    for (const what of wrong) console.log(`  ✗ ${what}`)
    failed += wrong.length
  }
  for (const difference of await pulses.differences()) {
    console.log(`✗ ${difference}`)
    failed++
  }
} finally {
  app.stop()
  await broker.close()
  await proxy.stop()
  await registry.stop()
  await server.stop()
}
console.log(failed === 0 ? 'passed' : `${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
