import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import type { Broker } from '@riacho/streams/engine'
import { node, riachoFile, type Started, until } from '../event-processor.fixture.ts'
import { type ClientEvent, namesOf } from './event-names.ts'
import { readAll } from './reading.ts'

const appFile = fileURLToPath(new URL('events-app.fixture.ts', import.meta.url))
/** Partitions of the events' topic. */
export const partitions = [0, 1, 2]
/** Not long ago: the broker deletes windows of changelogs that are older than they are kept, and counts would begin anew after a restart. */
const start = Math.floor(Date.now() / 60_000) * 60_000 - 600_000
const clients = ['A', 'B']
/** Four minutes of events. */
const timeOf = (uid: number): number => start + ((uid * 8) % 240_000)
const isInvalid = (uid: number): boolean => uid % 100 === 99
const eventOf = (uid: number): ClientEvent => ({ uid, client: uid % 3 === 0 ? 'B' : 'A', from: uid % partitions.length })

/** What an application is told. */
export interface EventsOptions {
  /** `host:port` of the cluster. */
  readonly address: string
  readonly guarantee: 'at-least-once' | 'exactly-once'
  /** How it talks to the cluster when not by our client. */
  readonly client?: { readonly flags: readonly string[]; readonly environment: Readonly<Record<string, string>> }
}

/** One run of the application on a cluster, under names of its own: what goes in, what comes out, and what should. */
export class Events {
  readonly names: ReturnType<typeof namesOf>
  readonly #broker: Broker
  readonly #run: string
  /** Events written so far. */
  written = 0

  constructor(broker: Broker, run = '') {
    this.#broker = broker
    this.#run = run
    this.names = namesOf(run)
  }

  /** Makes the topics that the application reads and writes. */
  async create(): Promise<void> {
    const { events, invalid, counts, queue } = this.names
    const topics = [invalid, counts, ...clients.map(queue)].map(name => ({ name, partitions: 2 }))
    await this.#broker.admin.createTopics([{ name: events, partitions: partitions.length }, ...topics])
  }

  /** Writes the next events. */
  async write(count: number): Promise<void> {
    const producer = await this.#broker.producer({})
    for (const end = this.written + count; this.written < end; this.written++) {
      const uid = this.written
      producer
        .partition({ topic: this.names.events, partition: uid % partitions.length })
        .append(timeOf(uid), null, isInvalid(uid) ? `broken ${uid}` : JSON.stringify(eventOf(uid)))
    }
    await producer.flush()
    await producer.close()
  }

  /** Runs the application by the command. */
  start({ address, guarantee, client }: EventsOptions, ...args: string[]): Started {
    const always = ['-b', address, '--guarantee', guarantee, '--commit-interval-ms', '100', '--http-port', '0']
    return node(riachoFile, ['run', appFile, ...always, ...(client?.flags ?? []), ...args], undefined, {
      ...client?.environment,
      EVENTS_RUN: this.#run,
      // What is killed is soon known to be gone.
      RIACHO_KAFKA_SESSION_TIMEOUT_MS: '1500',
    })
  }

  /** What read_committed readers see of all partitions of a topic, of each in its order. */
  async valuesOf(topic: string): Promise<string[]> {
    const count = (await this.#broker.admin.partitions([topic])).get(topic)!
    const ends = await this.#broker.admin.offsets(Array.from({ length: count }, (_, partition) => ({ topic, partition })))
    const reads = ends.filter(end => end.lastStable > 0).map(end => readAll(this.#broker, end, end.lastStable))
    return (await Promise.all(reads)).flatMap(read => read.values as string[])
  }

  /** Resolves when the application has committed something beyond the first `before` counts, or has ended. */
  async committed({ child }: Started, before = 0): Promise<void> {
    const { counts } = this.names
    const places = [0, 1].map(partition => ({ topic: counts, partition }))
    const end = async () => (await this.#broker.admin.offsets(places)).reduce((sum, { lastStable }) => sum + lastStable, 0)
    const first = before === 0 ? 0 : await end()
    await until(async () => child.exitCode !== null || (await end()) > first, 'something is committed', 60_000)
  }

  /** What differs from the recomputation; nothing when all is as it should be. At least once, what came again is let pass. */
  async differences(guarantee: EventsOptions['guarantee']): Promise<string[]> {
    const once = guarantee === 'exactly-once'
    const { invalid, updates, queue } = this.recomputed()
    const { names } = this
    const found: string[] = []
    const compare = (what: string, is: readonly unknown[], should: readonly unknown[]): void => {
      if (isDeepStrictEqual(is, should)) return
      const at = should.findIndex((one, i) => one !== is[i])
      found.push(`${what}: ${is.length} instead of ${should.length}; at ${at}: ${is[at]} instead of ${should[at]}`)
    }
    const letters = await this.valuesOf(names.invalid)
    compare('invalid', sorted(once ? letters : new Set(letters)), sorted(invalid))
    const counts = await this.valuesOf(names.counts)
    // At least once, a count may be too high by what was counted again: but each number below is there.
    compare(
      'counts',
      sorted(once ? counts : new Set(counts)).slice(0, once ? undefined : new Set(updates).size),
      sorted(once ? updates : new Set(updates)),
    )
    for (const client of clients) {
      const events = (await this.valuesOf(names.queue(client))).map(value => JSON.parse(value) as ClientEvent)
      for (const from of partitions) {
        const uids = events.filter(event => event.from === from).map(event => event.uid)
        compare(`${client} from ${from}`, once ? uids : [...new Set(uids)], queue(client, from))
      }
    }
    return found
  }

  /** What a recomputation of all events written so far gives. */
  recomputed() {
    const uids = Array.from({ length: this.written }, (_, uid) => uid)
    const valid = uids.filter(uid => !isInvalid(uid))
    const counts = Map.groupBy(valid, uid => `${eventOf(uid).client}/${Math.floor(timeOf(uid) / 60_000)}`)
    return {
      invalid: uids.filter(isInvalid).map(uid => `broken ${uid}`),
      queue: (client: string, from: number) => valid.filter(uid => eventOf(uid).client === client && eventOf(uid).from === from),
      // An update per event: each of them counts once, so none is missing and none is told twice.
      updates: [...counts.values()].flatMap(of => of.map((_, i) => String(i + 1))),
    }
  }
}

const sorted = (of: Iterable<string>): string[] => [...of].sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
