/** The raw client of Confluent: `confluent.ts consume|produce|produce-reported --driver FOLDER --bootstrap HOST:PORT [--records N]`. */
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { kafka } from '@riacho/kafka'
import { must } from '../load.ts'
import { answerPasses, Mark, type Pass } from './passes.ts'
import { expectedOf, remove, scan } from './topics.ts'

interface Assigned {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

interface Client {
  connect(options: object, done: (failure: Error | null, answer?: unknown) => void): void
  disconnect(done: () => void): void
}

interface RawConsumer extends Client {
  assign(partitions: readonly Assigned[]): void
  setDefaultConsumeTimeout(milliseconds: number): void
  setDefaultIsTimeoutOnlyForFirstMessage(only: boolean): void
  consume(count: number, done: (failure: Error | null, messages?: readonly { readonly value: Buffer }[]) => void): void
}

interface RawProducer extends Client {
  produce(topic: string, partition: number, value: Buffer, key: null, timestamp: number): void
  setPollInterval(milliseconds: number): void
  on(event: 'delivery-report', told: (failure: Error | null) => void): void
  flush(milliseconds: number, done: (failure: Error | null, answer?: unknown) => void): void
}

interface Driver {
  readonly KafkaConsumer: new (global: object, topic: object) => RawConsumer
  readonly Producer: new (global: object, topic: object) => RawProducer
}

const partitions = 8
const time = 1_699_999_980_000
const rawTopic = 'bench-raw-120'
const queueFull = -184

const producing = {
  acks: 'all',
  'enable.idempotence': true,
  'linger.ms': 100,
  'batch.size': 131_072,
  'queue.buffering.max.messages': 1_000_000,
}
const settings = {
  consume: {
    'enable.auto.commit': false,
    'isolation.level': 'read_committed',
    'check.crcs': true,
    'queued.max.messages.kbytes': 65_536,
    'fetch.queue.backoff.ms': 2,
  },
  produce: producing,
  'produce-reported': { ...producing, dr_cb: true },
}
type Mode = keyof typeof settings

const call = <T = unknown>(f: (done: (failure: Error | null, answer?: T) => void) => void): Promise<T> =>
  new Promise((resolve, reject) => f((failure, answer) => (failure ? reject(failure) : resolve(answer as T))))

/** The first so many records: it takes its time. */
async function consume(driver: Driver, bootstrap: string, wanted: number): Promise<Omit<Pass, 'verify'>> {
  const broker = await kafka({ brokers: [bootstrap] })
  const expected = await expectedOf(broker, rawTopic)
  await broker.close()
  const global = { 'bootstrap.servers': bootstrap, 'group.id': `bench-raw-${Date.now()}`, ...settings.consume }
  const consumer = new driver.KafkaConsumer(global, { 'auto.offset.reset': 'earliest' })
  await call(done => consumer.connect({}, done))
  consumer.setDefaultConsumeTimeout(1000)
  consumer.setDefaultIsTimeoutOnlyForFirstMessage(true)
  consumer.assign(Array.from({ length: expected.partitions }, (_, partition) => ({ topic: rawTopic, partition, offset: 0 })))
  let from: Mark | undefined
  let found = 0
  let bytes = 0
  while (found < wanted) {
    const messages = await call<readonly { readonly value: Buffer }[]>(done => consumer.consume(5000, done))
    if (messages.length > 0) from ??= new Mark()
    found += messages.length
    for (const { value } of messages) bytes += value.length
  }
  const used = from!.until(found)
  await new Promise<void>(resolve => consumer.disconnect(resolve))
  must(bytes === found * 120, `${found} records with ${bytes} bytes`)
  return used
}

/** With reports it knows of each record whether it was acknowledged; without, one that fails is lost in silence. */
async function produce(driver: Driver, bootstrap: string, records: number, mode: Mode): Promise<Omit<Pass, 'verify'>> {
  const broker = await kafka({ brokers: [bootstrap] })
  const topic = `bench-raw-${process.pid}-${Date.now()}`
  await broker.admin.createTopics([{ name: topic, partitions, config: { 'retention.ms': '-1' } }])
  const producer = new driver.Producer({ 'bootstrap.servers': bootstrap, ...settings[mode] }, {})
  let [reports, failures] = [0, 0]
  producer.on('delivery-report', failure => {
    reports++
    if (failure) failures++
  })
  await call(done => producer.connect({}, done))
  producer.setPollInterval(100)
  const values = Array.from({ length: 1024 }, (_, i) => Buffer.alloc(120, String(i)))
  const from = new Mark()
  for (let i = 0; i < records; ) {
    try {
      producer.produce(topic, i % partitions, values[i & 1023]!, null, time + i)
      i++
    } catch (thrown) {
      if ((thrown as { readonly code?: number }).code !== queueFull) throw thrown
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }
  await call(done => producer.flush(120_000, done))
  while (mode === 'produce-reported' && reports < records) await new Promise(resolve => setTimeout(resolve, 5))
  const used = from.until(records)
  await new Promise<void>(resolve => producer.disconnect(resolve))
  let found = 0
  await scan(broker, topic, () => found++)
  must(found === records && failures === 0, `${found} records of ${records}, ${failures} of them reported as failed`)
  await remove(bootstrap, [topic])
  await broker.close()
  return used
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bootstrap: { type: 'string', default: '' },
    driver: { type: 'string', default: '' },
    records: { type: 'string', default: '1000000' },
  },
})
const driver = createRequire(import.meta.url)(options.driver) as Driver
const mode = positionals[0] as Mode
await answerPasses('kafka-javascript', settings[mode], () =>
  (mode === 'consume' ? consume : produce)(driver, options.bootstrap, Number(options.records), mode),
)
