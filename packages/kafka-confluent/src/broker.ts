import type {
  Admin,
  Broker,
  Fetcher,
  FetchOptions,
  GroupCallbacks,
  GroupOptions,
  Membership,
  Producer,
  ProducerOptions,
} from '@riacho/streams/engine'
import { ConfluentAdmin } from './admin.ts'
import { capabilities } from './capabilities.ts'
import { ConfluentFetcher } from './fetcher.ts'
import type { Home } from './home.ts'
import { ConfluentMembership } from './membership.ts'
import { ConfluentProducer } from './producer.ts'

/** The Broker contract on a cluster, by librdkafka. */
export class ConfluentBroker implements Broker {
  readonly admin: Admin
  readonly capabilities = capabilities
  /** Below Kafka's default of `max.message.bytes`, which counts what a batch adds. */
  readonly recordBytesMax = (1 << 20) - 512
  readonly #home: Home
  readonly #stopTickets: () => void
  readonly #admin: ConfluentAdmin
  readonly #fetchers = new Set<Fetcher>()
  readonly #members = new Set<ConfluentMembership>()
  readonly #producers = new Set<Producer>()
  /** Consumers of the driver that are being closed. */
  readonly #going = new Set<Promise<void>>()

  constructor(home: Home, stopTickets: () => void) {
    this.#home = home
    this.#stopTickets = stopTickets
    this.#admin = new ConfluentAdmin(home)
    this.admin = this.#admin
  }

  /** Resolves when a broker answers. */
  reach(): Promise<void> {
    return this.#admin.reach()
  }

  async join(group: GroupOptions, on: GroupCallbacks): Promise<Membership> {
    const closed = (member: ConfluentMembership) => void this.#members.delete(member)
    const member = await ConfluentMembership.join({ home: this.#home, admin: this.#admin, closed }, group, on)
    this.#members.add(member)
    return member
  }

  fetcher(options: FetchOptions): Fetcher {
    const closed = (one: Fetcher, gone: Promise<void>) => {
      this.#fetchers.delete(one)
      this.#going.add(gone)
      void gone.then(() => this.#going.delete(gone))
    }
    const fetcher = new ConfluentFetcher({ home: this.#home, admin: this.#admin, closed }, options)
    this.#fetchers.add(fetcher)
    return fetcher
  }

  async producer(options: ProducerOptions): Promise<Producer> {
    const consumerOf = (member: Membership) => [...this.#members].find(one => one.is(member))?.consumer
    const closed = (one: Producer) => void this.#producers.delete(one)
    const producer = await ConfluentProducer.open({ home: this.#home, consumerOf, closed }, options)
    this.#producers.add(producer)
    return producer
  }

  async close(): Promise<void> {
    this.#stopTickets()
    for (const fetcher of [...this.#fetchers]) fetcher.close()
    await Promise.all([...this.#members].map(member => member.leave()))
    await Promise.all([...this.#producers].map(producer => producer.close()))
    await Promise.all(this.#going)
    this.#admin.close()
  }
}
