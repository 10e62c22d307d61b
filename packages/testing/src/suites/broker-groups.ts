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

  'lets members tell the one that distributes, and be told by it': async f => {
    const { topic } = await f.topic(3)
    const group = f.id()
    const told = new Map<string, string>()
    const owned = new Map<string, number[]>()
    const join = (name: string) =>
      f.broker.join(
        {
          group,
          topics: [topic],
          assignor: {
            data: () => Buffer.from(name),
            // Who calls itself `all` gets everything, and each hears its own name and how many there are.
            assign: (members, partitions) =>
              new Map(
                members.map(({ id, data }) => {
                  const own = Buffer.from(data!).toString()
                  return [id, { partitions: own === 'all' ? partitions : [], data: Buffer.from(`${own} of ${members.length}`) }]
                }),
              ),
          },
        },
        {
          assigned: async (partitions, data) => {
            owned.set(name, [...(owned.get(name) ?? []), ...partitions.map(at => at.partition)])
            told.set(name, Buffer.from(data!).toString())
          },
          revoked: async () => {},
          lost: () => {},
        },
      )
    const members = [await join('none'), await join('all')]
    await until('both have been told', () => told.get('none') === 'none of 2' && told.get('all') === 'all of 2')
    await until('one has everything', () => owned.get('all')?.length === 3)
    f.expect(owned.get('none')).toEqual([])
    for (const member of members) await member.leave()
  },

  'gives the place of an instance to who joins under its name': async f => {
    const at = await f.topic()
    const group = f.id()
    const reasons: string[] = []
    const join = (instanceId: string, assigned: () => void) =>
      f.broker.join(
        { group, topics: [at.topic], instanceId },
        {
          assigned: async partitions => {
            if (partitions.length > 0) assigned()
          },
          revoked: async () => {},
          lost: (partitions, { code, fenced, fatal }) => void reasons.push(`${instanceId} ${code} ${fenced} ${fatal} ${partitions.length}`),
        },
      )
    let [first, second] = [false, false]
    const fenced = await join('one', () => {
      first = true
    })
    await until('the first owns the partition', () => first)
    const member = await join('one', () => {
      second = true
    })
    await until('the second owns it', () => second && reasons.length > 0)
    f.expect(reasons).toEqual(['one FENCED_INSTANCE_ID true true 1'])
    await member.commit([{ ...at, offset: 2 }])
    f.expect((await failureOf(fenced.commit([{ ...at, offset: 1 }]))).fenced).toBe(true)
    f.expect((await f.broker.admin.committed(group, [at])).map(one => one.offset)).toEqual([2])
    await member.leave(true)
  },

  'takes commits while partitions are given up, also from what that waits for': async f => {
    const at = await f.topic(2)
    const group = f.id()
    const turn = Promise.withResolvers<void>()
    const a = await f.member(group, [at.topic], () => turn.promise)
    await owns(a, 0, 1)
    const b = await f.member(group, [at.topic])
    for (let offset = 1; offset <= 20; offset++) {
      await a.membership.commit([
        { ...at, offset },
        { ...at, partition: 1, offset },
      ])
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    turn.resolve()
    await until('both own one', () => a.owned.length === 1 && b.owned.length === 1)
    const committed = await f.broker.admin.committed(group, [at, { ...at, partition: 1 }])
    f.expect(committed.map(one => one.offset)).toEqual([20, 20])
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
