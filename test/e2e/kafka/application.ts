import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Broker } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import type { KafkaServer } from '../../servers/kafka.ts'
import { credentials } from '../../servers/security.ts'
import { type Started, until } from '../event-processor.fixture.ts'
import { deadLetterTopicTests } from './dead-letter-topics.ts'
import { Events, partitions } from './events.ts'
import { internalTopicTests } from './internal-topics.ts'
import { killed } from './killed.ts'
import { largeRecordTests } from './large-records.ts'
import { outageTests } from './outage.ts'
import { soakTests } from './soak.ts'

const events = 15_000

/** `riacho run` on the cluster. */
export function applicationTests(server: () => KafkaServer, broker: () => Broker): void {
  it.each([
    ['exactly-once', ''],
    ['at-least-once', 'alo-'],
  ] as const)(
    '%s, killed with -9 three times and started again, tells each event once, or none is missing',
    async (guarantee, run) => {
      const result = await killed(new Events(broker(), run), { address: server().address, guarantee }, { events, kills: 3, seed: 1 })
      expect(result.differences).toEqual([])
      expect(result.unfinished).toBeGreaterThan(0)
    },
    180_000,
  )

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
    const all = new Events(broker())
    all.written = events
    expect(counts.sort()).toEqual(all.recomputed().updates.sort())
    const changelog = await consume('events-app-per-minute-changelog')
    expect(changelog.trim().split('\n').length).toBeGreaterThan(0)
  }, 60_000)

  internalTopicTests(server, broker)
  largeRecordTests(server, broker)
  deadLetterTopicTests(server, broker)
  outageTests(server, broker)
  soakTests(server, broker)
  ends(server, broker)
  security(server, broker)
}

/** Records that it has taken so far. */
async function takenBy({ child, text }: Started): Promise<number> {
  if (child.exitCode !== null) throw new Error(`the application ended with ${child.exitCode}: ${text.error}`)
  const url = /"url":"([^"]+)"/.exec(text.error)?.[1]
  const metrics = url === undefined ? '' : await (await fetch(`${url}/metrics`)).text()
  return Number(/^riacho_records_in_total (\d+)/m.exec(metrics)?.[1] ?? 0)
}

function ends(server: () => KafkaServer, broker: () => Broker): void {
  it('ends with 0 at SIGTERM in the middle of its work: what it took is committed, and the group knows at once that it left', async () => {
    const events = new Events(broker(), 'term-')
    await events.create()
    await events.write(30_000)
    const options = { address: server().address, guarantee: 'at-least-once' } as const
    const started = events.start(options, '--commit-interval-ms', '60000')
    try {
      await until(async () => (await takenBy(started)) > 0, 'it works', 60_000)
      started.child.kill('SIGTERM')
      const { code, error } = await started.ended
      expect(code, error).toBe(0)
    } finally {
      started.child.kill('SIGKILL')
    }
    // A member that stays is waited for, as long as its session holds: none is.
    const ended = await events.start(options, '--until-end').ended
    expect(ended.code, ended.error).toBe(0)
    // At least once, and yet nothing twice: the end was a clean one.
    expect(await events.differences('exactly-once')).toEqual([])
  }, 120_000)

  it('at its end of everything waits for what other members still have to do', async () => {
    const events = new Events(broker(), 'shared-')
    await events.create()
    await events.write(30_000)
    const options = { address: server().address, guarantee: 'exactly-once' } as const
    const both = [1, 2].map(() => events.start(options, '--until-end').ended)
    for (const { code, error } of await Promise.all(both)) expect(code, error).toBe(0)
    expect(await events.differences('exactly-once')).toEqual([])
  }, 120_000)
}

function security(server: () => KafkaServer, broker: () => Broker): void {
  it('reads how its cluster is secured from a file of Kafka’s client properties', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'riacho-secured-'))
    try {
      const { username, password } = credentials['SCRAM-SHA-512']
      const login = `org.apache.kafka.common.security.scram.ScramLoginModule required username="${username}" password="${password}";`
      await writeFile(join(folder, 'ca.pem'), server().secure.certificate)
      const lines = [
        'security.protocol=SASL_SSL',
        'sasl.mechanism=SCRAM-SHA-512',
        `sasl.jaas.config=${login}`,
        'ssl.truststore.type=PEM',
        `ssl.truststore.location=${join(folder, 'ca.pem')}`,
      ]
      const file = join(folder, 'client.properties')
      await writeFile(file, lines.join('\n'))
      const events = new Events(broker(), 'secured-')
      await events.create()
      await events.write(1_000)
      const options = { address: server().secure.sasl, guarantee: 'exactly-once' } as const
      const { code, error } = await events.start(options, '--command-config', file, '--until-end').ended
      expect(code, error).toBe(0)
      expect(error).not.toContain(password)
      expect(await events.differences('exactly-once')).toEqual([])
      await writeFile(file, lines.join('\n').replace(password, 'wrong'))
      const refused = await events.start(options, '--command-config', file, '--until-end').ended
      expect([refused.code, refused.error]).toEqual([1, expect.stringContaining('RIACHO_BROKER_SASL_AUTHENTICATION_FAILED')])
    } finally {
      await rm(folder, { recursive: true })
    }
  }, 60_000)
}
