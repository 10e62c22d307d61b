import { type Broker, BrokerError, type Membership, type TopicPartition } from '@riacho/streams/engine'
import { FakeClock } from '@riacho/testing'
import { describe, expect, it } from 'vitest'
import { embedded } from './index.ts'

const t0 = { topic: 't', partition: 0 }

/** Lets everything run that waits for no timer. */
const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

async function failure(work: Promise<unknown>): Promise<BrokerError> {
  const thrown = await work.catch((error: unknown) => error)
  if (thrown instanceof BrokerError) return thrown
  throw new Error(`expected a BrokerError, got ${String(thrown)}`)
}

async function firstSlice(broker: Broker, at: TopicPartition) {
  const fetcher = broker.fetcher({ isolation: 'read_committed' })
  fetcher.add(at, 0)
  const [slice] = await fetcher.poll(0)
  return slice!
}

describe('loans', () => {
  it('are filled with 0xDB when they are released, and what is stored is not', async () => {
    const broker = await embedded({ poisonLoans: true })
    const producer = await broker.producer({})
    producer.partition(t0).append(1, 'key', 'value')
    await producer.flush()
    for (let time = 0; time < 2; time++) {
      const slice = await firstSlice(broker, t0)
      const cursor = slice.cursor()
      cursor.next()
      const kept = cursor.valueFrame.subarray(cursor.valueStart, cursor.valueEnd)
      expect(kept.toString()).toBe('value')
      slice.release()
      expect([...kept]).toEqual([0xdb, 0xdb, 0xdb, 0xdb, 0xdb])
    }
    await broker.close()
  })

  it('are counted, and released once', async () => {
    const broker = await embedded()
    const producer = await broker.producer({})
    producer.partition(t0).append(1, 'key', 'value')
    await producer.flush()
    const slices = [await firstSlice(broker, t0), await firstSlice(broker, t0)]
    expect(broker.loans).toBe(2)
    for (const slice of slices) slice.release()
    expect(broker.loans).toBe(0)
    expect(() => slices[0]!.release()).toThrow('released twice')
    await broker.close()
  })
})

describe('time', () => {
  it('aborts a transaction that is open for too long; its producer goes on after an abort', async () => {
    const clock = new FakeClock(1000)
    const broker = await embedded({ clock })
    const producer = await broker.producer({ transactionalId: 'x', transactionTimeout: 5000 })
    producer.partition(t0).append(1, null, 'late')
    await producer.flush()
    clock.advance(4999)
    await settle()
    expect(await broker.admin.offsets([t0])).toMatchObject([{ lastStable: 0, highWatermark: 1 }])
    clock.advance(1)
    await settle()
    expect(await broker.admin.offsets([t0])).toMatchObject([{ lastStable: 2, highWatermark: 2 }])
    producer.partition(t0).append(1, null, 'later')
    expect(await failure(producer.commit())).toMatchObject({ code: 'TRANSACTION_TIMED_OUT', abortable: true, fenced: false })
    expect((await failure(producer.flush())).code).toBe('TRANSACTION_TIMED_OUT')
    await producer.abort()
    producer.partition(t0).append(1, null, 'again')
    await producer.commit()
    const slice = await firstSlice(broker, t0)
    const cursor = slice.cursor()
    expect(cursor.next() && cursor.offset).toBe(2)
    expect(cursor.next()).toBe(false)
    await broker.close()
  })

  it('limits the wait for offsets that a transaction holds', async () => {
    const clock = new FakeClock()
    const broker = await embedded({ clock })
    const member = await broker.join({ group: 'g', topics: ['t'] }, { assigned: async () => {}, revoked: async () => {}, lost: () => {} })
    await settle()
    const producer = await broker.producer({ transactionalId: 'x', transactionTimeout: 900_000 })
    await producer.sendOffsets(member, [{ ...t0, offset: 1 }])
    const stableMax = 30_000
    let answered = false
    const asked = failure(broker.admin.committed('g', [t0])).finally(() => {
      answered = true
    })
    await settle()
    clock.advance(stableMax - 1)
    await settle()
    expect(answered).toBe(false)
    clock.advance(1)
    expect(await asked).toMatchObject({ code: 'UNSTABLE_OFFSET_COMMIT', retriable: true })
    await broker.close()
  })

  it('ends a poll without a record at its limit, and one with records at once', async () => {
    const clock = new FakeClock()
    const broker = await embedded({ clock })
    const fetcher = broker.fetcher({ isolation: 'read_committed' })
    fetcher.add(t0, 0)
    const empty = fetcher.poll(1000)
    await settle()
    expect(clock.next).toBe(1000)
    clock.advance(1000)
    expect(await empty).toEqual([])
    const waiting = fetcher.poll(1000)
    const producer = await broker.producer({})
    producer.partition(t0).append(1, null, 'a')
    await producer.flush()
    expect((await waiting).length).toBe(1)
    expect(clock.next).toBe(undefined)
    await broker.close()
  })
})

describe('a member that does not give partitions up', () => {
  const revokeMax = 60_000
  const stuck = async (revoked: () => Promise<void>, patience: number, code: string) => {
    const clock = new FakeClock()
    const broker = await embedded({ clock, partitionsDefault: 2 })
    const lost: BrokerError[] = []
    const owned: number[] = []
    const first = await broker.join(
      { group: 'g', topics: ['t'] },
      { assigned: async given => void owned.push(given.length), revoked, lost: (_, reason) => void lost.push(reason) },
    )
    await settle()
    const before: Membership = { ...first, group: 'g', memberId: first.memberId, generation: first.generation }
    let newcomer = 0
    const second = await broker.join(
      { group: 'g', topics: ['t'] },
      {
        assigned: async given => {
          newcomer += given.length
        },
        revoked: async going => {
          newcomer -= going.length
        },
        lost: () => {},
      },
    )
    await settle()
    if (patience > 0) {
      clock.advance(patience - 1)
      await settle()
      expect([lost, newcomer]).toEqual([[], 0])
      clock.advance(1)
      await settle()
    }
    expect(lost).toMatchObject([{ code, fenced: true }])
    expect(newcomer).toBe(2)
    const out = await broker.producer({ transactionalId: 'x' })
    expect((await failure(out.sendOffsets(before, [{ ...t0, offset: 1 }]))).fenced).toBe(true)
    clock.advance(1000)
    await settle()
    expect([newcomer, owned]).toEqual([1, [2, 1]])
    expect(first.memberId).not.toBe(before.memberId)
    await second.leave()
    await settle()
    expect(owned).toEqual([2, 1, 1])
    await broker.close()
  }

  it('is lost after a minute, and joins again under another id', () => stuck(() => new Promise(() => {}), revokeMax, 'REBALANCE_TIMEOUT'))

  it('is lost at once when it fails', () => stuck(() => Promise.reject(new Error('no')), 0, 'REVOKE_FAILED'))
})

describe('what cannot be', () => {
  it('is told: assignments, partitions, options, a closed broker', async () => {
    const broker = await embedded({ autoCreateTopics: false })
    const lost: BrokerError[] = []
    await broker.admin.createTopics([{ name: 't', partitions: 1 }])
    const callbacks = {
      assigned: async () => {},
      revoked: async () => {},
      lost: (_: unknown, reason: BrokerError) => void lost.push(reason),
    }
    const member = await broker.join(
      { group: 'g', topics: ['t'], assign: (_, partitions) => new Map([['stranger', partitions]]) },
      callbacks,
    )
    await settle()
    expect(lost.map(one => one.code)).toEqual(['ASSIGNMENT'])
    await member.leave()
    const fetcher = broker.fetcher({ isolation: 'read_committed' })
    fetcher.add({ topic: 'none', partition: 0 }, 0)
    expect(await failure(fetcher.poll(0))).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', at: { topic: 'none', partition: 0 } })
    const producer = await broker.producer({})
    producer.partition({ topic: 't', partition: 3 }).append(1, null, 'x')
    expect((await failure(producer.flush())).code).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    await producer.flush()
    expect((await failure(producer.commit())).code).toBe('INVALID_TXN_STATE')
    expect((await failure(broker.producer({ transactionalId: 'x', transactionTimeout: 0 }))).code).toBe('INVALID_TRANSACTION_TIMEOUT')
    expect((await failure(broker.admin.createTopics([{ name: 'u', partitions: 0 }]))).code).toBe('INVALID_PARTITIONS')
    expect((await failure(broker.admin.deleteRecords([{ ...t0, offset: 9 }]))).code).toBe('OFFSET_OUT_OF_RANGE')
    producer.partition(t0).append(1, null, 'too late')
    await broker.close()
    expect((await failure(broker.admin.partitions(['t']))).code).toBe('CLOSED')
    expect((await failure(broker.producer({}))).code).toBe('CLOSED')
    expect((await failure(producer.flush())).code).toBe('CLOSED')
  })

  it('breaks the transaction in which it was tried: everything is refused until the abort', async () => {
    const broker = await embedded()
    const member = await broker.join({ group: 'g', topics: ['t'] }, { assigned: async () => {}, revoked: async () => {}, lost: () => {} })
    await settle()
    const producer = await broker.producer({ transactionalId: 'x' })
    const broken = { code: 'UNKNOWN_TOPIC_OR_PARTITION', abortable: true, fenced: false, at: { topic: 't', partition: 3 } }
    producer.partition(t0).append(1, null, 'no')
    producer.partition({ topic: 't', partition: 3 }).append(1, null, 'nowhere')
    expect(await failure(producer.flush())).toMatchObject(broken)
    producer.partition(t0).append(1, null, 'no')
    expect(await failure(producer.flush())).toMatchObject(broken)
    expect(await failure(producer.sendOffsets(member, [{ ...t0, offset: 1 }]))).toMatchObject(broken)
    expect(await failure(producer.commit())).toMatchObject(broken)
    await producer.abort()
    producer.partition(t0).append(1, null, 'yes')
    await producer.commit()
    const slice = await firstSlice(broker, t0)
    const cursor = slice.cursor()
    expect(cursor.next() && cursor.valueFrame.toString('utf8', cursor.valueStart, cursor.valueEnd)).toBe('yes')
    expect(cursor.next()).toBe(false)
    await broker.close()
  })
})
