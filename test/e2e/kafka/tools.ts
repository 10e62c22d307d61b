import { type App, app } from '@riacho/runtime'
import { count, minutes, repartition, selectKey, text, to, topic, topology, toStream, tumbling } from '@riacho/streams'
import type { Broker } from '@riacho/streams/engine'
import { partitionOf } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import type { KafkaServer } from '../../servers/kafka.ts'
import { until } from '../event-processor.fixture.ts'
import { readAll } from './reading.ts'

const [application, input, output] = ['tools', 'tools-in', 'tools-out']
const partitions = 2
/** Of a printed record: bytes of keys may look like the end of a line. */
const end = '<end>\n'
/** Not older: what a window's changelog keeps is deleted by its age. */
const start = Math.floor(Date.now() / 60_000) * 60_000 - 120_000
const words = ['um', 'dois', 'três']
const each = 30

/** Counts words, in all and per minute. */
const plan = topology(
  application,
  topic(input, { key: text, value: text }).pipe(count('totals'), toStream(), to(output)),
  topic(input, { key: text, value: text }).pipe(
    selectKey(value => value, { key: text }),
    repartition('by-value', { partitions }),
    count('per-minute', { window: tumbling(minutes(1), { grace: minutes(1) }) }),
  ),
)

/** Every word 30 times, one a second. */
async function write(broker: Broker): Promise<void> {
  const producer = await broker.producer({})
  for (let i = 0; i < words.length * each; i++) {
    const word = words[i % words.length]!
    const at = { topic: input, partition: partitionOf(Buffer.from(word), partitions) }
    producer.partition(at).append(start + i * 1000, word, word, [['número', Buffer.from(String(i))]])
  }
  await producer.flush()
  await producer.close()
}

/** The lines of a table that begins with this word, by the names of its columns. */
function rows(table: string, first: string): Readonly<Record<string, string>>[] {
  const lines = table.split('\n').map(line => line.trim().split(/\s+/))
  const names = lines.find(line => line[0] === first)
  if (names === undefined) throw new Error(`there is no table of ${first} in:\n${table}`)
  const body = lines.slice(lines.indexOf(names) + 1).filter(line => line.length >= names.length)
  return body.map(line => Object.fromEntries(names.map((name, i) => [name, line[i]!])))
}

/** Runs one of Kafka's own tools. */
type Tool = (name: string, ...args: string[]) => Promise<string>

const properties = {
  'print.key': 'true',
  'print.timestamp': 'true',
  'print.headers': 'true',
  'value.deserializer': 'org.apache.kafka.common.serialization.LongDeserializer',
  'line.separator': end,
}

/** What the console consumer prints: a row for each record, in the order of partitions. */
async function consumed(tool: Tool, name: string): Promise<string[][]> {
  const formatter = Object.entries(properties).flatMap(([key, value]) => ['--formatter-property', `${key}=${value}`])
  const reading = ['--isolation-level', 'read_committed', '--from-beginning', '--timeout-ms', '5000']
  const printed = await tool('consumer.ConsoleConsumer', '--topic', name, ...reading, ...formatter)
  const lines = printed.split(end).slice(0, -1)
  return lines.map(row => row.split('\t'))
}

async function started(broker: Broker): Promise<App> {
  const running = app(plan, { broker, guarantee: 'exactly-once', commitIntervalMs: 50 })
  await running.start()
  return running
}

/** Each update is there, in the order of its key, with the time and the headers of the record that made it. */
function expectUpdates(outputs: readonly string[][], totals: readonly string[][], perMinute: readonly string[][]): void {
  const sent = Array.from({ length: words.length * each }, (_, i) => ({ i, word: words[i % words.length]!, time: start + i * 1000 }))
  for (const word of words) {
    const own = sent.filter(one => one.word === word)
    const updates = own.map(({ i, time }, n) => [`CreateTime:${time}`, `número:${i}`, word, String(n + 1)])
    expect(outputs.filter(([, , key]) => key === word)).toEqual(updates)
    expect(totals.findLast(([, , key]) => key === word)).toEqual([`CreateTime:${own.at(-1)!.time}`, 'NO_HEADERS', word, String(each)])
    // A window's key ends with numbers that are no text: its rows are told apart by their times.
    for (const minute of [start, start + 60_000]) {
      const inside = own.filter(one => one.time >= minute && one.time < minute + 60_000)
      const updated = inside.map(({ time }, n) => `CreateTime:${time} ${n + 1}`)
      const logged = perMinute
        .map(row => `${row[0]} ${row.at(-1)}`)
        .filter(row => inside.some(one => row.startsWith(`CreateTime:${one.time} `)))
      expect(updated).toEqual(expect.arrayContaining(logged))
      expect(logged.at(-1)).toBe(updated.at(-1))
    }
  }
}

/** Kafka's own tools, run on what an application leaves on a cluster while it runs, and after. */
export function toolTests(server: () => KafkaServer, broker: () => Broker): void {
  const tool: Tool = (name, ...args) => server().tool(`org.apache.kafka.tools.${name}`, '--bootstrap-server', server().address, ...args)
  const groups = (...args: string[]) => tool('consumer.group.ConsumerGroupCommand', '--group', application, ...args)

  it('see a running application as they see those of Kafka Streams', async () => {
    await broker().admin.createTopics([input, output].map(name => ({ name, partitions })))
    await write(broker())
    const members = [await started(broker()), await started(broker())]
    // Both have tasks, and all is counted.
    await until(() => members.every(member => member.metrics().lag.length > 0), 'both members have partitions', 20_000)
    for (const member of members) await member.untilEnd()
    const [offsets, memberships, transactions, topics] = await Promise.all([
      groups('--describe'),
      groups('--describe', '--members', '--verbose'),
      tool('TransactionsCommand', 'list'),
      tool('TopicCommand', '--describe', '--topic', `${application}-.*`),
    ])
    const own = rows(offsets, 'GROUP')
    expect(own.map(row => `${row.TOPIC} ${row.PARTITION}`).sort(), offsets).toEqual(
      [`${application}-by-value-repartition`, input].flatMap(name => [`${name} 0`, `${name} 1`]),
    )
    for (const row of own) expect(row.LAG, offsets).toBe('0')
    expect(new Set(own.map(row => row['CONSUMER-ID'])).size, offsets).toBe(2)
    expect(
      rows(memberships, 'GROUP').map(row => row['#PARTITIONS']),
      memberships,
    ).toEqual(['2', '2'])
    const ids = rows(transactions, 'TransactionalId').filter(row => row.TransactionalId?.startsWith(`${application}-`))
    for (const id of ids) expect(['CompleteCommit', 'Empty'], transactions).toContain(id.TransactionState)
    expect(ids, transactions).toHaveLength(4)
    const configurations = topics.split('\n').filter(line => line.startsWith('Topic:'))
    expect(configurations.find(line => line.includes(`${application}-totals-changelog`))).toContain('cleanup.policy=compact')
    expect(configurations.find(line => line.includes(`${application}-by-value-repartition`))).toContain('cleanup.policy=delete')
    for (const member of members) await member.stop()
  }, 60_000)

  it('read its outputs and its changelogs', async () => {
    const [outputs, totals, perMinute] = await Promise.all([
      consumed(tool, output),
      consumed(tool, `${application}-totals-changelog`),
      consumed(tool, `${application}-per-minute-changelog`),
    ])
    expectUpdates(outputs, totals, perMinute)
  }, 60_000)

  it('set the offsets of a stopped application, which goes on from there', async () => {
    const reset = await groups('--reset-offsets', '--to-earliest', '--topic', input, '--execute')
    expect(
      rows(reset, 'GROUP').map(row => row['NEW-OFFSET']),
      reset,
    ).toEqual(['0', '0'])
    const again = await started(broker())
    await again.untilEnd()
    await again.stop()
    const ends = await broker().admin.offsets([0, 1].map(partition => ({ topic: output, partition })))
    const reads = await Promise.all(ends.map(end => readAll(broker(), end, end.lastStable)))
    expect(reads.reduce((sum, read) => sum + read.values.length, 0)).toBe(words.length * each * 2)
  }, 60_000)
}
