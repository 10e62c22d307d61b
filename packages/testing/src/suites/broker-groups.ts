import { type BrokerTest, failureOf, type MemberDiary, until } from './broker-fixture.ts'

const owns = (member: MemberDiary, ...numbers: number[]) =>
  until(`a member owns ${numbers}`, () => member.numbers.join() === numbers.join())

/** Groups and committed offsets. */
export const groupTests: Readonly<Record<string, BrokerTest>> = {
  'assigns all partitions to a lone member': async f => {
    const { topic } = await f.topic(3)
    const member = await f.member(f.id(), [topic])
    await owns(member, 0, 1, 2)
    f.expect(member.membership.generation > 0).toBe(true)
  },

  'tells a member for which there is nothing that it has none': async f => {
    const { topic } = await f.topic()
    const group = f.id()
    const a = await f.member(group, [topic])
    await owns(a, 0)
    const b = await f.member(group, [topic])
    // While the partition moves, neither has it.
    await until('both have been told', () => a.assignments > 0 && b.assignments > 0 && a.owned.length + b.owned.length === 1)
  },

  'moves partitions when a member joins and when it leaves': async f => {
    const { topic } = await f.topic(4)
    const group = f.id()
    const a = await f.member(group, [topic])
    await owns(a, 0, 1, 2, 3)
    const b = await f.member(group, [topic])
    await until('both own two', () => a.owned.length === 2 && b.owned.length === 2)
    f.expect([...a.numbers, ...b.numbers].sort()).toEqual([0, 1, 2, 3])
    await a.membership.leave()
    await owns(b, 0, 1, 2, 3)
  },

  'gives equal partition numbers of all topics to the same member': async f => {
    const one = await f.topic(4)
    const two = await f.topic(2)
    const group = f.id()
    const a = await f.member(group, [one.topic, two.topic])
    const b = await f.member(group, [one.topic, two.topic])
    await until('everything is owned', () => a.owned.length + b.owned.length === 6 && a.owned.length > 0 && b.owned.length > 0)
    for (const member of [a, b]) {
      const of = (topic: string) => member.owned.filter(at => at.topic === topic).map(at => at.partition)
      for (const number of of(two.topic)) f.expect(of(one.topic).includes(number)).toBe(true)
    }
  },

  'waits for revoked before partitions move, and takes commits there': async f => {
    const at = await f.topic(2)
    const group = f.id()
    const events: string[] = []
    const a = await f.member(group, [at.topic], async member => {
      events.push('revoking')
      await new Promise(resolve => setTimeout(resolve, 100))
      await member.membership.commit([{ ...at, partition: 1, offset: 7 }])
      events.push('revoked')
    })
    await owns(a, 0, 1)
    const b = await f.member(group, [at.topic])
    await until('the newcomer owns a partition', () => b.owned.length > 0)
    events.push('moved')
    f.expect(events).toEqual(['revoking', 'revoked', 'moved'])
    const [committed] = await f.broker.admin.committed(group, [{ ...at, partition: 1 }])
    f.expect(committed?.offset).toBe(7)
  },

  'uses the assignment that is given': async f => {
    const { topic } = await f.topic(3)
    const diary: number[] = []
    const membership = await f.broker.join(
      {
        group: f.id(),
        topics: [topic],
        assign: (members, partitions) => new Map([[members[0]!, partitions.filter(at => at.partition !== 1)]]),
      },
      { assigned: async given => void diary.push(...given.map(at => at.partition)), revoked: async () => {}, lost: () => {} },
    )
    await until('two are assigned', () => diary.length === 2)
    f.expect(diary.sort()).toEqual([0, 2])
    await membership.leave()
  },

  'keeps committed offsets with their metadata; partitions without one are absent': async f => {
    const at = await f.topic(2)
    const group = f.id()
    const a = await f.member(group, [at.topic])
    await owns(a, 0, 1)
    await a.membership.commit([{ ...at, offset: 3, metadata: 'água' }])
    await a.membership.commit([{ ...at, offset: 4, metadata: 'água' }])
    const committed = await f.broker.admin.committed(group, [at, { ...at, partition: 1 }])
    f.expect(committed.map(({ topic, partition, offset, metadata }) => ({ topic, partition, offset, metadata }))).toEqual([
      { ...at, offset: 4, metadata: 'água' },
    ])
  },

  'takes metadata of 4,096 characters with an offset, and refuses more': async f => {
    const metadataMax = 4096
    const at = await f.topic()
    const group = f.id()
    const a = await f.member(group, [at.topic])
    await owns(a, 0)
    const metadata = 'ã'.repeat(metadataMax)
    await a.membership.commit([{ ...at, offset: 1, metadata }])
    const failure = await failureOf(a.membership.commit([{ ...at, offset: 2, metadata: `${metadata}.` }]))
    f.expect([failure.code, failure.fenced]).toEqual(['OFFSET_METADATA_TOO_LARGE', false])
    const committed = await f.broker.admin.committed(group, [at])
    f.expect(committed.map(one => [one.offset, one.metadata])).toEqual([[1, metadata]])
  },

  'fences the commit of a member that has left': async f => {
    const at = await f.topic()
    const group = f.id()
    const a = await f.member(group, [at.topic])
    await owns(a, 0)
    await a.membership.leave()
    f.expect((await failureOf(a.membership.commit([{ ...at, offset: 1 }]))).fenced).toBe(true)
    f.expect(await f.broker.admin.committed(group, [at])).toEqual([])
  },

  'keeps groups apart': async f => {
    const at = await f.topic()
    const one = f.id()
    const a = await f.member(one, [at.topic])
    const b = await f.member(f.id(), [at.topic])
    await owns(a, 0)
    await owns(b, 0)
    await a.membership.commit([{ ...at, offset: 9 }])
    f.expect(await f.broker.admin.committed(b.membership.group, [at])).toEqual([])
  },
}
