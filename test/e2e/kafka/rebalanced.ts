import { setTimeout as sleep } from 'node:timers/promises'
import { kafka } from '@riacho/kafka'
import { type App, app } from '@riacho/runtime'
import { count, text, to, topic, topology, toStream } from '@riacho/streams'
import type { Broker, GroupCallbacks, TopicPartition } from '@riacho/streams/engine'
import { partitionOf } from '@riacho/streams/engine'
import { until } from '../event-processor.fixture.ts'

/** How a run goes. */
export interface RebalancedOptions {
  readonly bootstrap: string
  readonly seed: number
  /** Members come and go for so long. */
  readonly milliseconds: number
  /** Also the name of the application. */
  readonly name: string
}

/** What a run made. */
export interface Rebalanced {
  /** How many records of each key were written. */
  readonly written: ReadonlyMap<string, number>
  /** The updates of each key, in their order. */
  readonly counted: ReadonlyMap<string, readonly number[]>
  /** Times at which a partition had two owners. */
  readonly shared: readonly string[]
  /** What happened to members, in words. */
  readonly story: readonly string[]
  /** What members failed of that were not killed. */
  readonly failures: readonly unknown[]
}

const partitions = 4
const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`)
const membersMax = 3
const session = { sessionTimeoutMs: 1500, heartbeatIntervalMs: 100 }

/** Numbers from 0 to 1, the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Who owns what, as members are told. One that is killed owns nothing any more: its group gives its partitions away when it has missed it. */
class Owners {
  readonly shared: string[] = []
  readonly #owners = new Map<string, string>()

  /** The broker, for this member. */
  watched(broker: Broker, member: string): Broker {
    const join: Broker['join'] = (group, on) => broker.join(group, this.#callbacks(on, member))
    return new Proxy(broker, { get: (target, name) => (name === 'join' ? join : bound(target, name)) })
  }

  gone(member: string): void {
    for (const [at, owner] of this.#owners) if (owner === member) this.#owners.delete(at)
  }

  #callbacks(on: GroupCallbacks, member: string): GroupCallbacks {
    const released = (given: readonly TopicPartition[]) => {
      for (const at of given) if (this.#owners.get(nameOf(at)) === member) this.#owners.delete(nameOf(at))
    }
    return {
      assigned: async given => {
        for (const at of given) {
          const other = this.#owners.get(nameOf(at))
          if (other !== undefined) this.shared.push(`${member} is given ${nameOf(at)}, which ${other} owns`)
          this.#owners.set(nameOf(at), member)
        }
        await on.assigned(given)
      },
      revoked: async given => {
        await on.revoked(given)
        released(given)
      },
      lost: (given, reason) => {
        released(given)
        on.lost(given, reason)
      },
    }
  }
}

const nameOf = (at: TopicPartition): string => `${at.topic}-${at.partition}`
const bound = (target: object, name: string | symbol): unknown => {
  const value: unknown = Reflect.get(target, name, target)
  return typeof value === 'function' ? value.bind(target) : value
}

interface Running {
  readonly name: string
  readonly broker: Broker
  readonly app: App
}

/** Members of an application that counts exactly once come, go and die while records are written. Returns when everything is counted. */
export async function rebalanced({ bootstrap, seed, milliseconds, name }: RebalancedOptions): Promise<Rebalanced> {
  const random = randomOf(seed)
  const owners = new Owners()
  const [story, failures]: [string[], unknown[]] = [[], []]
  const client = await kafka({ brokers: [bootstrap] })
  const [input, output] = [`${name}-in`, `${name}-out`]
  await client.admin.createTopics([input, output].map(topicName => ({ name: topicName, partitions })))
  const plan = topology(name, topic(input, { key: text, value: text }).pipe(count('totals'), toStream(), to(output)))
  let members: Running[] = []
  let joins = 0
  const dead = new Set<string>()
  const join = async () => {
    const own = `member ${++joins}`
    story.push(`${own} joins`)
    const broker = await kafka({ brokers: [bootstrap], ...session })
    const running = app(plan, { broker: owners.watched(broker, own), guarantee: 'exactly-once', commitIntervalMs: 50 })
    members.push({ name: own, broker, app: running })
    const failed = (error: unknown) => void (dead.has(own) || failures.push(error))
    running.done.catch(failed)
    await running.start().catch(failed)
  }
  const leave = async ({ name: own, broker, app: running }: Running) => {
    story.push(`${own} leaves`)
    members = members.filter(one => one.name !== own)
    await running.stop()
    owners.gone(own)
    await broker.close()
  }
  const kill = async ({ name: own, broker, app: running }: Running) => {
    story.push(`${own} dies`)
    dead.add(own)
    members = members.filter(one => one.name !== own)
    owners.gone(own)
    await broker.close()
    await running.done.catch(() => {})
  }
  const written = new Map<string, number>()
  const writing = write(client, input, written, milliseconds, random)
  await join()
  const end = Date.now() + milliseconds
  while (Date.now() < end) {
    const dice = random()
    const chosen = members[Math.floor(random() * members.length)]!
    if (members.length === 1 || (members.length < membersMax && dice < 0.5)) await join()
    else await (dice < 0.75 ? leave(chosen) : kill(chosen))
    await sleep(random() * 1000)
  }
  await writing
  story.push('the end')
  const total = [...written.values()].reduce((a, b) => a + b, 0)
  await until(async () => failures.length > 0 || (await countOf(client, output)) >= total, 'everything is counted', 30_000)
  for (const member of members) await leave(member)
  const counted = await updatesOf(client, output)
  await client.close()
  return { written, counted, shared: owners.shared, story, failures }
}

async function write(
  client: Broker,
  input: string,
  written: Map<string, number>,
  milliseconds: number,
  random: () => number,
): Promise<void> {
  const producer = await client.producer({})
  for (const end = Date.now() + milliseconds; Date.now() < end; await sleep(20)) {
    for (let i = 0; i < 20; i++) {
      const key = keys[Math.floor(random() * keys.length)]!
      const partition = partitionOf(Buffer.from(key), partitions)
      producer.partition({ topic: input, partition }).append(Date.now(), key, 'x')
      written.set(key, (written.get(key) ?? 0) + 1)
    }
    await producer.flush()
  }
  await producer.close()
}

const all = (name: string): TopicPartition[] => Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition }))

/** Updates that are committed so far. */
async function countOf(client: Broker, output: string): Promise<number> {
  return [...(await updatesOf(client, output)).values()].reduce((sum, updates) => sum + updates.length, 0)
}

async function updatesOf(client: Broker, output: string): Promise<Map<string, number[]>> {
  const updates = new Map<string, number[]>()
  const fetcher = client.fetcher({ isolation: 'read_committed' })
  const ends = new Map<number, number>()
  for (const { topic: of, partition, lastStable } of await client.admin.offsets(all(output))) {
    if (lastStable === 0) continue
    ends.set(partition, lastStable)
    fetcher.add({ topic: of, partition }, 0)
  }
  while (ends.size > 0) {
    for (const slice of await fetcher.poll(1000)) {
      const cursor = slice.cursor()
      while (cursor.next()) {
        const key = cursor.keyFrame.toString('utf8', cursor.keyStart, cursor.keyEnd)
        const value = Number(cursor.valueFrame.readBigInt64BE(cursor.valueStart))
        const known = updates.get(key)
        if (known === undefined) updates.set(key, [value])
        else known.push(value)
      }
      slice.release()
      if (cursor.position >= (ends.get(slice.partition) ?? 0)) ends.delete(slice.partition)
    }
  }
  fetcher.close()
  return updates
}
