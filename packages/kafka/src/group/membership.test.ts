import { setTimeout as sleep } from 'node:timers/promises'
import type { BrokerError, GroupCallbacks, TopicPartition } from '@riacho/streams/engine'
import { expect, it, vi } from 'vitest'
import { KafkaError } from '../errors.ts'
import { KafkaMembership, type MemberHome } from './membership.ts'
import { encodeAssignment } from './wire.ts'

const names = new Map([
  [8, 'commit'],
  [11, 'join'],
  [12, 'heartbeat'],
  [13, 'leave'],
  [14, 'sync'],
])
const ids = ['the id', 'another id', 'a third id']
const at = (...partitions: number[]): TopicPartition[] => partitions.map(partition => ({ topic: 't', partition }))

/** A coordinator that says what the test wants, and the member of its only group. What is a matter of the broker's own rules is tested on a real one. */
class Coordinator {
  /** Requests in their order, with member id and generation; heartbeats once. */
  readonly asked: string[] = []
  /** Partitions of each generation. */
  readonly shares: number[][]
  /** What the next requests of a kind are answered, before they are answered as they should be. */
  readonly refusals = new Map<string, string[]>()
  /** The group rebalances until the member has joined again. */
  rebalances = false
  beats = 0
  #generation = 0
  #ids = [...ids]

  constructor(...shares: number[][]) {
    this.shares = shares
  }

  answer(key: number, request: readonly unknown[]): unknown {
    const kind = names.get(key)!
    const memberId = kind === 'join' ? request[3] : kind === 'leave' ? (request[1] as { memberId: string }[])[0]!.memberId : request[2]
    const generation = kind === 'join' || kind === 'leave' ? '' : ` in ${request[1]}`
    const line = `${kind} ${memberId}${generation}`
    if (kind === 'heartbeat') this.beats++
    if (kind !== 'heartbeat' || this.asked.at(-1) !== line) this.asked.push(line)
    const refusal = this.refusals.get(kind)?.shift()
    if (refusal !== undefined) throw new KafkaError(refusal, 'as the test wants')
    if (kind === 'join') return this.#join(memberId as string)
    if (kind === 'sync')
      return { assignment: encodeAssignment({ partitions: at(...this.shares[Math.min(this.#generation, this.shares.length) - 1]!) }) }
    if (kind === 'heartbeat' && this.rebalances) throw new KafkaError('REBALANCE_IN_PROGRESS', 'somebody joins')
    return {}
  }

  #join(memberId: string): unknown {
    if (memberId === '') throw new KafkaError('MEMBER_ID_REQUIRED', '', { cause: { response: { memberId: this.#ids.shift() } } })
    this.rebalances = false
    this.#generation++
    return { memberId, generationId: this.#generation, leader: 'somebody else', skipAssignment: false, members: [] }
  }

  /** The ways to it. */
  home(): MemberHome {
    const closing = new AbortController()
    const links = {
      once: async (_: number, api: { key: number }, ...request: unknown[]) => this.answer(api.key, request),
      retrying: (call: () => Promise<unknown>) => call(),
      pause: (milliseconds: number) => sleep(Math.min(milliseconds, 20), undefined, { signal: closing.signal }),
      close: () => closing.abort(),
    }
    const cluster = { atCoordinator: (_: string, __: string, call: (broker: number) => unknown) => call(1) }
    const options = { sessionTimeoutMs: 1000, rebalanceTimeoutMs: 5000, heartbeatIntervalMs: 5, maxPollIntervalMs: 5000 }
    return { cluster, joining: links, talking: links, options, present: () => {}, closed: () => {} } as unknown as MemberHome
  }
}

const told: string[] = []
async function member(coordinator: Coordinator, on: Partial<GroupCallbacks> = {}): Promise<KafkaMembership> {
  told.length = 0
  const numbers = (partitions: readonly TopicPartition[]) => partitions.map(each => each.partition).join()
  const callbacks: GroupCallbacks = {
    assigned: async partitions => void told.push(`assigned ${numbers(partitions)}`),
    revoked: async partitions => void told.push(`revoked ${numbers(partitions)}`),
    lost: (partitions, reason: BrokerError) => void told.push(`lost ${numbers(partitions)} ${reason.code}`),
    ...on,
  }
  return KafkaMembership.join(coordinator.home(), { group: 'g', topics: ['t'] }, callbacks)
}
const heard = (...lines: string[]) => vi.waitFor(() => expect(told).toEqual(lines))

it('joins with the id that it is given, beats, and leaves', async () => {
  const coordinator = new Coordinator([0, 1])
  const one = await member(coordinator)
  await heard('assigned 0,1')
  await vi.waitFor(() => expect(coordinator.beats).toBeGreaterThan(3))
  await one.leave()
  expect(coordinator.asked).toEqual(['join ', 'join the id', 'sync the id in 1', 'heartbeat the id in 1', 'leave the id'])
  const { beats } = coordinator
  await sleep(50)
  expect(coordinator.beats).toBe(beats)
})

it('beats while it gives partitions up, and joins again when that is done', async () => {
  const coordinator = new Coordinator([0, 1], [0])
  const done = Promise.withResolvers<void>()
  const one = await member(coordinator, { revoked: () => done.promise })
  await heard('assigned 0,1')
  coordinator.rebalances = true
  await vi.waitFor(() => expect(coordinator.asked.at(-1)).toBe('heartbeat the id in 2'))
  // Somebody else joins, and must wait.
  coordinator.rebalances = true
  const { beats } = coordinator
  await vi.waitFor(() => expect(coordinator.beats).toBeGreaterThan(beats + 5))
  expect(coordinator.asked.filter(line => line.startsWith('join the'))).toHaveLength(2)
  // Until then it owns them, in the generation that has begun.
  await one.commit([{ topic: 't', partition: 1, offset: 5 }])
  expect(coordinator.asked).toContain('commit the id in 2')
  done.resolve()
  await vi.waitFor(() => expect(coordinator.asked.filter(line => line.startsWith('join the'))).toHaveLength(3))
  await expect(one.commit([{ topic: 't', partition: 1, offset: 6 }])).rejects.toMatchObject({ code: 'ILLEGAL_GENERATION', rejoin: true })
  await one.leave()
})

it('joins again while its owner still gets ready for what it was given', async () => {
  const coordinator = new Coordinator([0], [0, 1])
  const ready = Promise.withResolvers<void>()
  const assigned = async (partitions: readonly TopicPartition[]) => {
    await ready.promise
    told.push(`assigned ${partitions[0]!.partition}`)
  }
  const one = await member(coordinator, { assigned })
  await vi.waitFor(() => expect(coordinator.beats).toBeGreaterThan(0))
  coordinator.rebalances = true
  await vi.waitFor(() => expect(coordinator.asked.at(-1)).toBe('heartbeat the id in 2'))
  expect(told).toEqual([])
  ready.resolve()
  await heard('assigned 0', 'assigned 1')
  await one.leave()
})

it.each([
  ['heartbeat', 'ILLEGAL_GENERATION', ['assigned 0', 'lost 0 ILLEGAL_GENERATION', 'assigned 0'], 'join the id'],
  ['heartbeat', 'UNKNOWN_MEMBER_ID', ['assigned 0', 'lost 0 UNKNOWN_MEMBER_ID', 'assigned 0'], 'join another id'],
  ['heartbeat', 'NOT_COORDINATOR', ['assigned 0'], undefined],
  ['heartbeat', 'COORDINATOR_LOAD_IN_PROGRESS', ['assigned 0'], undefined],
  ['sync', 'REBALANCE_IN_PROGRESS', ['assigned 0'], 'join the id'],
  ['sync', 'NOT_COORDINATOR', ['assigned 0'], 'join the id'],
  ['sync', 'UNKNOWN_MEMBER_ID', ['assigned 0'], 'join another id'],
])('does what Java does when a %s is answered %s', async (kind, code, lines, again) => {
  const coordinator = new Coordinator([0])
  coordinator.refusals.set(kind, [code])
  const one = await member(coordinator)
  await vi.waitFor(() => expect(coordinator.beats).toBeGreaterThan(3))
  await heard(...lines)
  const joins = coordinator.asked.filter(line => /^join ./.test(line))
  expect(joins.slice(1)).toEqual(again === undefined ? [] : [again])
  await one.leave()
})

it.each(['FENCED_INSTANCE_ID', 'GROUP_AUTHORIZATION_FAILED', 'INCONSISTENT_GROUP_PROTOCOL'])('ends when it is answered %s', async code => {
  const coordinator = new Coordinator([0])
  coordinator.refusals.set('heartbeat', [code])
  const one = await member(coordinator)
  await heard('assigned 0', `lost 0 ${code}`)
  const asked = [...coordinator.asked]
  await sleep(50)
  expect(coordinator.asked).toEqual(asked)
  await expect(one.commit([{ topic: 't', partition: 0, offset: 1 }])).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER_ID' })
})

it('hears of its end by a commit that is refused, before the next heartbeat', async () => {
  const coordinator = new Coordinator([0])
  const one = await member(coordinator)
  await heard('assigned 0')
  coordinator.refusals.set('commit', ['UNKNOWN_MEMBER_ID'])
  await expect(one.commit([{ topic: 't', partition: 0, offset: 1 }])).rejects.toMatchObject({ fenced: true, rejoin: true })
  await heard('assigned 0', 'lost 0 UNKNOWN_MEMBER_ID', 'assigned 0')
  await one.leave()
})

it('leaves, and comes back as another, when a callback fails', async () => {
  const coordinator = new Coordinator([0], [])
  const one = await member(coordinator, { revoked: () => Promise.reject(new Error('no')) })
  await heard('assigned 0')
  coordinator.rebalances = true
  await heard('assigned 0', 'lost 0 REVOKE_FAILED', 'assigned ')
  expect(coordinator.asked).toContain('leave the id')
  expect(one.memberId).toBe('another id')
  await one.leave()
})
