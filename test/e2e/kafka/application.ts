import type { Broker } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import type { KafkaServer } from '../../servers/kafka.ts'
import { Events, partitions } from './events.ts'
import { killed } from './killed.ts'

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
}
