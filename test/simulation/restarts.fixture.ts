import { embedded } from '@riacho/embedded'
import { Engine, settings } from '@riacho/runtime'
import type { Topology } from '@riacho/streams'
import { asOneTask, type Broker, BrokerError, type Membership, type Producer, type StoreSuppliers } from '@riacho/streams/engine'
import { FakeClock } from '@riacho/testing'

/** A record of an input topic: text, or bytes where the topic's serde is another. */
export interface Given {
  readonly topic: string
  readonly key: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  /** Epoch milliseconds. */
  readonly at: number
  /** Milliseconds by which the wall clock moves before the record comes. Default 0. */
  readonly wait?: number
  /** It is taken and committed together with the record before it. */
  readonly together?: boolean
}

/** A record of an output topic as a read_committed reader sees it. */
export interface Played {
  readonly topic: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly at: number
}

/**
 * How the application fares after each step: nothing happens; it commits, is gone, and another takes its place from the changelogs; it is gone before it commits, and
 * another does the step again; its commit is refused, and it goes back to its last one by itself.
 */
export type Restarts = 'none' | 'each committed' | 'each uncommitted' | 'each refused'

/** All the ways in which an application may fare. */
export const allRestarts: readonly Restarts[] = ['none', 'each committed', 'each uncommitted', 'each refused']

/**
 * Runs a plan on the engine, exactly once, operator times kept: one record at a time until nothing moves any more, in one task with one partition a topic, as the test
 * driver does. Returns what stands in the output topics, topic after topic by name.
 */
export async function played(
  plan: Topology,
  input: readonly Given[],
  restarts: Restarts,
  stores?: StoreSuppliers,
): Promise<readonly Played[]> {
  const clock = new FakeClock(0)
  const broker = await embedded({ clock, poisonLoans: true })
  const whole = asOneTask(plan)
  const { outputs, inputs } = externalTopics(whole)
  await broker.admin.createTopics([...new Set([...outputs, ...inputs])].map(name => ({ name, partitions: 1 })))
  const life = new Life(whole, broker, clock, stores)
  await life.begin()
  const producer = await broker.producer({})
  for (const [i, { topic, key, value, at, wait }] of input.entries()) {
    if (wait !== undefined) clock.advance(wait)
    producer.partition({ topic, partition: 0 }).append(at, key, value)
    await producer.flush()
    if (input[i + 1]?.together !== true) await settle(life, restarts)
  }
  const stands = await Promise.all(outputs.sort().map(name => standing(broker, name)))
  await life.close()
  await producer.close()
  await broker.close()
  return stands.flat()
}

/** Turns after which one record has been worked off, topic after topic. */
const turnsMax = 200

async function settle(life: Life, restarts: Restarts): Promise<void> {
  let again = false
  for (let turn = 0; await life.take(); turn++) {
    if (turn > turnsMax) throw new Error(`something still moves after ${turnsMax} turns: does a record go round?`)
    if (restarts === 'each uncommitted' && !again) {
      again = true
      await life.cut()
      continue
    }
    if (restarts === 'each refused' && !again) {
      again = true
      await life.refuse()
      continue
    }
    again = false
    await life.commit()
    if (restarts === 'each committed') await life.cut()
  }
}

/** An application that may be ended as kill -9 does. */
class Life {
  readonly #plan: Topology
  readonly #broker: Broker
  readonly #clock: FakeClock
  readonly #stores: StoreSuppliers | undefined
  #members: Membership[] = []
  #engine!: Engine
  #refuses = false

  constructor(plan: Topology, broker: Broker, clock: FakeClock, stores: StoreSuppliers | undefined) {
    this.#plan = plan
    this.#broker = broker
    this.#clock = clock
    this.#stores = stores
  }

  async begin(): Promise<void> {
    const broker: Broker = {
      admin: this.#broker.admin,
      close: async () => {},
      fetcher: options => this.#broker.fetcher(options),
      producer: async options => this.#refusing(await this.#broker.producer(options)),
      join: async (group, on) => {
        const member = await this.#broker.join(group, on)
        this.#members.push(member)
        return member
      },
    }
    const options = { broker, clock: this.#clock, guarantee: 'exactly-once', keepStreamTime: true } as const
    this.#engine = new Engine(this.#plan, settings({ ...options, ...(this.#stores && { stores: this.#stores }) }))
    await this.#engine.join(
      work => work(),
      () => {},
    )
  }

  /** Takes what there is, with its punctuators. Returns whether there was anything. */
  async take(): Promise<boolean> {
    await this.#engine.fetch(0)
    let taken = 0
    for (const task of this.#engine.tasks) {
      taken += task.run(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
      task.punctuate('stream')
    }
    if (this.#engine.failure !== undefined) throw this.#engine.failure
    return taken > 0 || this.#engine.tasks.some(task => task.dirty)
  }

  async commit(): Promise<void> {
    await this.#engine.commitDue(true)
    if (this.#engine.failure !== undefined) throw this.#engine.failure
  }

  async refuse(): Promise<void> {
    this.#refuses = true
    await this.commit()
  }

  /** The group knows at once; what it had open at the broker stays open, its files do not. */
  async cut(): Promise<void> {
    for (const { stores } of this.#engine.tasks) for (const store of stores.values()) store.close?.()
    for (const member of this.#members.splice(0)) await member.leave()
    await this.begin()
  }

  close(): Promise<void> {
    return this.#engine.close()
  }

  #refusing(producer: Producer): Producer {
    return {
      get bufferedBytes() {
        return producer.bufferedBytes
      },
      partition: at => producer.partition(at),
      flush: () => producer.flush(),
      sendOffsets: (member, offsets) => producer.sendOffsets(member, offsets),
      commit: async () => {
        if (!this.#refuses) return producer.commit()
        this.#refuses = false
        throw new BrokerError('TRANSACTION_ABORTABLE', 'refused', { abortable: true })
      },
      abort: () => producer.abort(),
      close: () => producer.close(),
    }
  }
}

function externalTopics(plan: Topology): { readonly inputs: string[]; readonly outputs: string[] } {
  return {
    inputs: [...plan.nodes, ...plan.globals].flatMap(({ source }) => source?.topics ?? []),
    outputs: plan.nodes.flatMap(node => [...(typeof node.sink?.topic === 'string' ? [node.sink.topic] : []), ...(node.deadLetters ?? [])]),
  }
}

async function standing(broker: Broker, topic: string): Promise<Played[]> {
  const at = { topic, partition: 0 }
  const [ends] = await broker.admin.offsets([at])
  const fetcher = broker.fetcher({ isolation: 'read_committed' })
  fetcher.add(at, 0)
  const rows: Played[] = []
  for (let position = 0; position < ends!.lastStable; ) {
    for (const slice of await fetcher.poll(1000)) {
      const cursor = slice.cursor()
      while (cursor.next()) {
        rows.push({
          topic,
          key: cursor.keyStart < 0 ? null : Buffer.from(Uint8Array.from(cursor.keyFrame.subarray(cursor.keyStart, cursor.keyEnd))),
          value:
            cursor.valueStart < 0 ? null : Buffer.from(Uint8Array.from(cursor.valueFrame.subarray(cursor.valueStart, cursor.valueEnd))),
          at: cursor.timestamp,
        })
      }
      position = cursor.position
      slice.release()
    }
  }
  fetcher.close()
  return rows
}
