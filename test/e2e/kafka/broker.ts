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
import { KafkaAdmin } from './admin.ts'
import { KafkaFetcher } from './fetcher.ts'
import { KafkaMembership } from './group.ts'
import { Link } from './link.ts'
import { KafkaProducer } from './producer.ts'
import { TopicCache } from './topics.ts'

/** Milliseconds that a join may wait for the other members. */
const joinLimit = 70_000

/** The Broker contract on one Kafka node at `address` (host:port), without TLS: to prove that the contract fits the real thing. */
export class KafkaBroker implements Broker {
  readonly admin: Admin
  readonly #address: string
  readonly #links = new Set<Link>()
  readonly #topics: TopicCache

  constructor(address: string) {
    this.#address = address
    const link = this.#link()
    this.admin = new KafkaAdmin(link)
    this.#topics = new TopicCache(link)
  }

  join(group: GroupOptions, on: GroupCallbacks): Promise<Membership> {
    return KafkaMembership.join({ joining: this.#link(joinLimit), talking: this.#link() }, group, on)
  }

  fetcher(options: FetchOptions): Fetcher {
    return new KafkaFetcher(this.#link(), this.#topics, options)
  }

  producer(options: ProducerOptions): Promise<Producer> {
    return KafkaProducer.open(this.#link(), options)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#links].map(link => link.close()))
  }

  #link(requestTimeout?: number): Link {
    const link = new Link(this.#address, requestTimeout)
    this.#links.add(link)
    return link
  }
}
