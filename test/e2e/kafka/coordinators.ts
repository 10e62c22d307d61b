import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kafka } from '@riacho/kafka'
import type { Broker, BrokerError } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import type { KafkaServer } from '../../servers/kafka.ts'
import { until } from '../event-processor.fixture.ts'
import { joined, type LoggedMember } from './member.ts'

/** The partitions of the topic in which coordinators keep what they know. */
const [offsetsTopic, offsetsPartitions] = ['__consumer_offsets', 4]

/** Whoever leads a partition of that topic coordinates its groups: so this moves every coordinator. */
async function moveCoordinators(server: KafkaServer, to: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'riacho-move-'))
  const tool = (name: string, ...args: string[]) =>
    server.tool(`org.apache.kafka.tools.${name}`, '--bootstrap-server', server.address, ...args)
  try {
    const plan = join(folder, 'plan.json')
    const partitions = Array.from({ length: offsetsPartitions }, (_, partition) => ({ topic: offsetsTopic, partition, replicas: [to] }))
    await writeFile(plan, JSON.stringify({ version: 1, partitions }))
    const reassign = (step: string) => tool('reassign.ReassignPartitionsCommand', '--reassignment-json-file', plan, step)
    await reassign('--execute')
    await until(
      async () => (await reassign('--verify')).match(/is completed/g)?.length === offsetsPartitions,
      'the coordinators moved',
      60_000,
    )
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Commits without a pause until it is told to end; gives what was refused. */
function committing({ self }: LoggedMember, topic: string, partition: number): () => Promise<{ last: number; refused: BrokerError[] }> {
  const refused: BrokerError[] = []
  let [ended, last] = [false, 0]
  const work = (async () => {
    for (let offset = 1; !ended; offset++) {
      await self.commit([{ topic, partition, offset }]).then(
        () => {
          last = offset
        },
        (failure: BrokerError) => void refused.push(failure),
      )
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  })()
  return async () => {
    ended = true
    await work
    return { last, refused }
  }
}

/** What members do while the broker that coordinates their group is another one, or none for a while. */
export function coordinatorTests(server: () => KafkaServer, broker: () => Broker, newTopic: (partitions: number) => Promise<string>): void {
  it('stay, and every commit counts, while their coordinator moves there and back, dies and comes back', async () => {
    const second = await server().addBroker()
    const topic = await newTopic(2)
    const client = await kafka({ brokers: [server().address] })
    const members = [await joined(client, 'moved', topic), await joined(client, 'moved', topic)]
    const owned = [await members[0]!.until(1), await members[1]!.until(1)]
    const logs = members.map(member => [...member.log])
    const ends = members.map((member, i) => committing(member, topic, owned[i]![0]!))
    await moveCoordinators(server(), second.id)
    await moveCoordinators(server(), 1)
    await second.kill()
    await server().kill()
    await server().restart()
    for (const [i, end] of ends.entries()) {
      const { last, refused } = await end()
      expect(refused).toEqual([])
      const at = { topic, partition: owned[i]![0]! }
      expect(await broker().admin.committed('moved', [at])).toMatchObject([{ offset: last }])
    }
    // Nobody was lost, and nothing moved.
    expect(members.map(member => member.log)).toEqual(logs)
    const third = await joined(client, 'moved', topic)
    await members[0]!.self.leave()
    await third.until(1)
    await client.close()
  }, 120_000)
}
