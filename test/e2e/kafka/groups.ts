import type { Broker, Membership, Producer, TopicPartition } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { joined } from './member.ts'
import { rejection, verdict } from './reading.ts'

const at = (topic: string, partition = 0): TopicPartition => ({ topic, partition })
const send = (producer: Producer, to: TopicPartition, value: string) => producer.partition(to).append(Date.now(), null, value)

/** Members of groups on a real cluster. */
export function groupTests(broker: () => Broker, newTopic: (partitions: number) => Promise<string>): void {
  it('move only what must move, after its owner committed', async () => {
    const topic = await newTopic(4)
    const first = await joined(broker(), 'moves', topic, async (self, partitions) => {
      await new Promise(resolve => setTimeout(resolve, 200))
      await self.commit(partitions.map(each => ({ ...each, offset: 7, metadata: 'mine' })))
      first.log.push('committed')
    })
    await first.until(4)
    const second = await joined(broker(), 'moves', topic)
    // Which half it gets depends on how their ids sort.
    const moved = await second.until(2)
    const kept = await first.until(2)
    expect(first.log).toEqual(['assigned 0,1,2,3', `revoked ${moved}`, 'committed'])
    // What moves is given up first: until then there is nothing for the newcomer.
    expect(second.log).toEqual(['assigned ', `assigned ${moved}`])
    expect(await broker().admin.committed('moves', [at(topic, kept[0]), at(topic, moved[1])])).toEqual([
      { topic, partition: moved[1], offset: 7, metadata: 'mine' },
    ])
    await first.self.leave()
    await second.until(4)
    expect(second.log).toEqual(['assigned ', `assigned ${moved}`, `assigned ${kept}`])
    expect(await rejection(first.self.commit([{ ...at(topic), offset: 1 }]))).toBeInstanceOf(Error)
    await second.self.leave()
  })

  it('put offsets into a transaction by generation', async () => {
    const topic = await newTopic(2)
    const { self, until } = await joined(broker(), 'kip-447', topic)
    await until(2)
    const producer = await broker().producer({ transactionalId: 'kip-447' })
    const offsets = [0, 1].map(partition => ({ topic, partition, offset: 10 + partition, metadata: `m${partition}` }))
    await producer.sendOffsets(self, offsets)
    // Waits for the open transaction, and sees how it ends.
    const stable = broker().admin.committed('kip-447', [at(topic), at(topic, 1)])
    await producer.commit()
    expect(await stable).toEqual(offsets)

    const stale = (change: Partial<Membership>): Membership => ({
      ...self,
      group: self.group,
      memberId: self.memberId,
      generation: self.generation,
      ...change,
    })
    const later = [{ topic, partition: 0, offset: 99 }]
    for (const [change, code] of [
      [{ generation: self.generation - 1 }, 'ILLEGAL_GENERATION'],
      [{ memberId: 'somebody' }, 'UNKNOWN_MEMBER_ID'],
    ] as const) {
      send(producer, at(topic), 'with it')
      expect(verdict(await rejection(producer.sendOffsets(stale(change), later)))).toEqual({
        code,
        retriable: false,
        fenced: true,
        abortable: true,
      })
      await producer.abort()
    }
    await producer.sendOffsets(self, later)
    await producer.abort()
    expect(await broker().admin.committed('kip-447', [at(topic)])).toEqual([offsets[0]])
    await producer.close()
    await self.leave()
  })
}
