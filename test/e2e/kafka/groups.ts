import type { KafkaOptions, kafka } from '@riacho/kafka'
import type { Broker, Membership, Producer, TopicPartition } from '@riacho/streams/engine'
import { expect, it, vi } from 'vitest'
import { joined } from './member.ts'
import { rejection, verdict } from './reading.ts'

const at = (topic: string, partition = 0): TopicPartition => ({ topic, partition })
const send = (producer: Producer, to: TopicPartition, value: string) => producer.partition(to).append(Date.now(), null, value)

type Open = (options: Partial<KafkaOptions>) => ReturnType<typeof kafka>

/** Holds the event loop, as user code may. */
const block = (milliseconds: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)

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

/** Members with names of their own and those that are refused, on a cluster that allows groups of six. `open` opens a client of its own. */
export function membershipTests(broker: () => Broker, open: Open, newTopic: (partitions: number) => Promise<string>): void {
  it('that come back within a session have what they had, and nobody notices', async () => {
    const topic = await newTopic(4)
    const first = await joined(broker(), 'static', topic, undefined, { instanceId: 'first' })
    const clients = [await open({ instanceId: 'second' })]
    const before = await joined(clients[0]!, 'static', topic)
    await first.until(2)
    const owned = await before.until(2)
    const { generation } = before.self
    const log = [...first.log]
    // As a process that dies; then as one that stops: neither leaves.
    for (const end of [() => clients.at(-1)!.close(), () => Promise.resolve()]) {
      await end()
      clients.push(await open({ instanceId: 'second' }))
      const after = await joined(clients.at(-1)!, 'static', topic)
      expect(await after.until(2)).toEqual(owned)
      expect(after.self.generation).toBe(generation)
      expect(after.self.memberId).not.toBe(before.self.memberId)
      await after.self.commit(owned.map(partition => ({ topic, partition, offset: 1 })))
      await after.self.leave()
    }
    // The leader, too.
    await first.self.leave()
    const again = await joined(broker(), 'static', topic, undefined, { instanceId: 'first' })
    expect((await again.until(2)).concat(owned).sort()).toEqual([0, 1, 2, 3])
    expect(again.self.generation).toBe(generation)
    expect(first.log).toEqual(log)
    // Who leaves for good is not waited for.
    const back = await joined(clients.at(-1)!, 'static', topic, undefined, { instanceId: 'second' })
    await back.until(2)
    await back.self.leave(true)
    await again.until(4)
    await again.self.leave(true)
    for (const client of clients) await client.close()
  })

  it('end when the group takes no more', async () => {
    const topic = await newTopic(6)
    const members = await Promise.all(Array.from({ length: 6 }, () => joined(broker(), 'full', topic)))
    // While they still gather, a seventh would be taken in place of one that has not asked again.
    await Promise.all(members.map(member => member.until(1)))
    expect(await rejection(joined(broker(), 'full', topic))).toMatchObject({
      code: 'GROUP_MAX_SIZE_REACHED',
      fatal: true,
      retriable: false,
    })
    for (const member of members) await member.self.leave()
  })

  it('refuse to commit what they do not own', async () => {
    const topic = await newTopic(1)
    const member = await joined(broker(), 'foreign', topic)
    await member.until(1)
    const failure = await rejection(member.self.commit([{ ...at(topic), partition: 1, offset: 1 }]))
    expect({ ...verdict(failure), rejoin: (failure as { rejoin?: boolean }).rejoin }).toEqual({
      code: 'ILLEGAL_GENERATION',
      retriable: false,
      fenced: true,
      abortable: false,
      rejoin: true,
    })
    await member.self.leave()
  })
}

/** Members that keep their group waiting, on a cluster that allows sessions of a second. */
export function patienceTests(broker: () => Broker, open: Open, newTopic: (partitions: number) => Promise<string>): void {
  it('stay while user code blocks their thread for longer than a session, and are missed when it does not end', async () => {
    const topic = await newTopic(2)
    const client = await open({ sessionTimeoutMs: 8000, heartbeatIntervalMs: 100 })
    const member = await joined(client, 'blocked', topic)
    await member.until(2)
    const { generation, memberId } = member.self
    // The first time that it beats for them the thread loads what it needs, which takes longer on a busy machine.
    block(400)
    await new Promise(resolve => setTimeout(resolve, 1500))
    block(9500)
    await member.self.commit([{ ...at(topic), offset: 3 }])
    await new Promise(resolve => setTimeout(resolve, 300))
    expect(member.log).toEqual(['assigned 0,1'])
    expect([member.self.generation, member.self.memberId]).toEqual([generation, memberId])
    await member.self.leave()
    await client.close()

    const impatient = await open({ sessionTimeoutMs: 3000, heartbeatIntervalMs: 100, maxPollIntervalMs: 1000 })
    const missed = await joined(impatient, 'blocked', topic)
    await missed.until(2)
    block(6000)
    expect(await rejection(missed.self.commit([{ ...at(topic), offset: 4 }]))).toMatchObject({ fenced: true, rejoin: true })
    await vi.waitFor(() => expect(missed.log).toEqual(['assigned 0,1', 'lost 0,1', 'assigned 0,1']), 5000)
    expect(await broker().admin.committed('blocked', [at(topic)])).toMatchObject([{ offset: 3 }])
    await missed.self.leave()
    await impatient.close()
  }, 60_000)

  it('give their partitions up when whoever works for them stands still, and take them again when it goes on', async () => {
    const topic = await newTopic(2)
    const client = await open({ maxPollIntervalMs: 500, heartbeatIntervalMs: 100 })
    const still = await joined(client, 'still', topic)
    await still.until(2)
    const other = await joined(client, 'still', topic)
    await other.until(1)
    still.self.alive!()
    await other.until(2)
    expect(still.reasons.map(reason => reason.code)).toEqual(['MAX_POLL_EXCEEDED'])
    still.self.alive!()
    await still.until(1)
    await still.self.leave()
    await other.self.leave()
    await client.close()
  })

  it('beat while they give up partitions, for as long as the others wait, and no longer', async () => {
    const topic = await newTopic(2)
    const client = await open({ sessionTimeoutMs: 1000, heartbeatIntervalMs: 100, rebalanceTimeoutMs: 4000 })
    let pause = 2500
    const slow = await joined(client, 'slow', topic, () => new Promise(resolve => setTimeout(resolve, pause)))
    await slow.until(2)
    const second = await joined(client, 'slow', topic)
    await second.until(1)
    await slow.until(1)
    expect(slow.reasons).toEqual([])
    await second.self.leave()
    await slow.until(2)
    pause = 60_000
    const third = await joined(client, 'slow', topic)
    await third.until(1)
    expect(slow.reasons.map(reason => reason.code)).toEqual(['REBALANCE_TIMEOUT'])
    await slow.self.leave()
    await third.self.leave()
    await client.close()
  })
}
