import { fileURLToPath } from 'node:url'
import type { Broker } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import type { KafkaServer } from '../../servers/kafka.ts'
import { node, riachoFile, type Started, until } from '../event-processor.fixture.ts'
import type { ClientEvent } from './events-app.fixture.ts'
import { readAll } from './reading.ts'

const appFile = fileURLToPath(new URL('events-app.fixture.ts', import.meta.url))
const partitions = [0, 1, 2]
const half = 15_000
const start = 1_700_000_000_000 - (1_700_000_000_000 % 60_000)
/** Four minutes of events. */
const timeOf = (uid: number): number => start + (uid % 240_000)
const isInvalid = (uid: number): boolean => uid % 100 === 99
const eventOf = (uid: number): ClientEvent => ({ uid, client: uid % 3 === 0 ? 'B' : 'A', from: uid % partitions.length })

async function write(broker: Broker, from: number, to: number): Promise<void> {
  const producer = await broker.producer({})
  for (let uid = from; uid < to; uid++)
    producer
      .partition({ topic: 'events', partition: uid % partitions.length })
      .append(timeOf(uid * 8), null, isInvalid(uid) ? `broken ${uid}` : JSON.stringify(eventOf(uid)))
  await producer.flush()
  await producer.close()
}

/** What read_committed readers see of all partitions of a topic, of each in its order. */
async function valuesOf(broker: Broker, topic: string): Promise<string[]> {
  const count = (await broker.admin.partitions([topic])).get(topic)!
  const ends = await broker.admin.offsets(Array.from({ length: count }, (_, partition) => ({ topic, partition })))
  const reads = ends.filter(end => end.lastStable > 0).map(end => readAll(broker, end, end.lastStable))
  return (await Promise.all(reads)).flatMap(read => read.values as string[])
}

/** What a recomputation of all events gives. */
function recomputed(total: number) {
  const uids = Array.from({ length: total }, (_, uid) => uid)
  const valid = uids.filter(uid => !isInvalid(uid))
  const counts = Map.groupBy(valid, uid => `${eventOf(uid).client}/${Math.floor(timeOf(uid * 8) / 60_000)}`)
  return {
    invalid: uids.filter(isInvalid).map(uid => `broken ${uid}`),
    queue: (client: string, from: number) => valid.filter(uid => eventOf(uid).client === client && eventOf(uid).from === from),
    // An update per event: each of them counts once, so none is missing and none is told twice.
    updates: [...counts.values()].flatMap(of => of.map((_, i) => String(i + 1))).sort(),
  }
}

/** `riacho run` on the cluster. */
export function applicationTests(server: () => KafkaServer, broker: () => Broker): void {
  const run = (...args: string[]): Started =>
    node(riachoFile, [
      'run',
      appFile,
      '-b',
      server().address,
      '--guarantee',
      'exactly-once',
      '--commit-interval-ms',
      '100',
      '--http-port',
      '0',
      ...args,
    ])

  it('exactly once, killed with -9 in the middle and started again, tells each event once', async () => {
    await broker().admin.createTopics(
      ['events', 'invalid', 'queue-A', 'queue-B', 'counts'].map(name => ({ name, partitions: name === 'events' ? partitions.length : 2 })),
    )
    await write(broker(), 0, half)
    const killed = run()
    await until(
      async () => (await valuesOf(broker(), 'counts')).length > 0 || killed.child.exitCode !== null,
      'something is committed',
      60_000,
    )
    await write(broker(), half, half * 2)
    killed.child.kill('SIGKILL')
    const { error } = await killed.ended
    expect(await valuesOf(broker(), 'counts'), error).not.toEqual([])
    expect((await valuesOf(broker(), 'counts')).length).toBeLessThan(half * 2 * 0.99)

    const ended = await run('--until-end').ended
    expect(ended.code, ended.error).toBe(0)
    const { invalid, queue, updates } = recomputed(half * 2)
    expect((await valuesOf(broker(), 'invalid')).sort()).toEqual(invalid.sort())
    expect((await valuesOf(broker(), 'counts')).sort()).toEqual(updates)
    for (const client of ['A', 'B']) {
      const events = (await valuesOf(broker(), `queue-${client}`)).map(value => JSON.parse(value) as ClientEvent)
      for (const from of partitions)
        expect(events.filter(event => event.from === from).map(event => event.uid)).toEqual(queue(client, from))
    }
  }, 180_000)

  it('keeps its groups, topics and changelogs as Kafka’s own tools read them', async () => {
    const tools = 'org.apache.kafka.tools'
    const bootstrap = ['--bootstrap-server', server().address]
    const groups = await server().tool(`${tools}.consumer.group.ConsumerGroupCommand`, ...bootstrap, '--describe', '--group', 'events-app')
    const lines = groups.split('\n').filter(line => line.startsWith('events-app'))
    // The topic's partitions, and those of the repartition topic that have records.
    expect(
      lines.filter(line => / events +\d/.test(line)),
      groups,
    ).toHaveLength(partitions.length)
    expect(
      lines.some(line => line.includes('events-app-by-client-repartition')),
      groups,
    ).toBe(true)
    for (const line of lines) expect(line.split(/\s+/)[5], groups).toBe('0')

    const committed = ['--isolation-level', 'read_committed', '--from-beginning', '--timeout-ms', '5000']
    const consume = (topic: string) => server().tool(`${tools}.consumer.ConsoleConsumer`, ...bootstrap, '--topic', topic, ...committed)
    const counts = (await consume('counts')).trim().split('\n')
    expect(counts.sort()).toEqual(recomputed(half * 2).updates)
    const changelog = await consume('events-app-per-minute-changelog')
    expect(changelog.trim().split('\n').length).toBeGreaterThan(0)
  }, 60_000)
}
