import type {
  Broker,
  Fetcher,
  FetchOptions,
  GroupCallbacks,
  GroupOptions,
  Membership,
  Producer,
  ProducerOptions,
} from '@riacho/streams/engine'
import { KafkaAdmin, type KafkaClusterAdmin } from './admin.ts'
import { KafkaFetcher } from './fetcher/fetcher.ts'
import { KafkaMembership, type Present } from './group/membership.ts'
import { StandIn } from './group/stand-in.ts'
import { Cluster } from './metadata/cluster.ts'
import type { KafkaSettings } from './options.ts'
import { KafkaProducer } from './producer/producer.ts'
import { Spares } from './producer/spares.ts'
import { Links } from './transport/links.ts'

/** The Broker contract on a Kafka cluster. */
export class KafkaBroker implements Broker {
  readonly admin: KafkaClusterAdmin
  /** Below Kafka's default of `max.message.bytes`, which counts what a batch adds. */
  readonly recordBytesMax = (1 << 20) - 512
  readonly #settings: KafkaSettings
  readonly #cluster: Cluster
  readonly #links = new Set<Links>()
  readonly #fetchers = new Set<Fetcher>()
  readonly #members = new Set<KafkaMembership>()
  readonly #standIn: StandIn
  readonly #spares = new Spares()

  constructor(settings: KafkaSettings) {
    this.#settings = settings
    this.#cluster = new Cluster(settings.bootstrap, settings.link)
    this.admin = new KafkaAdmin(this.#cluster, this.#link())
    this.#standIn = new StandIn(settings.given, settings.member)
  }

  /** Resolves when a broker answers. One try: what is wrong with the address shows at once. */
  reach(): Promise<void> {
    return this.#cluster.reach()
  }

  async join(group: GroupOptions, on: GroupCallbacks): Promise<Membership> {
    const { link, member: options, instanceId } = this.#settings
    // A join is answered when all have joined, or when those that did not are given up.
    const joining = this.#link(options.rebalanceTimeoutMs + link.requestTimeoutMs)
    // A coordinator that does not answer for as long as a session is asked on another connection.
    const talking = this.#link(Math.min(link.requestTimeoutMs, options.sessionTimeoutMs))
    const present = (member: Membership, who: Present | undefined) => this.#standIn.present(member, who)
    const closed = (member: Membership) => {
      this.#members.delete(member as KafkaMembership)
      for (const links of [joining, talking]) this.#links.delete(links)
    }
    const home = { cluster: this.#cluster, joining, talking, options, present, closed }
    const member = await KafkaMembership.join(home, instanceId === undefined ? group : { instanceId, ...group }, on).catch(
      (thrown: unknown) => {
        this.#unlink(joining, talking)
        throw thrown
      },
    )
    this.#members.add(member)
    return member
  }

  fetcher(options: FetchOptions): Fetcher {
    const lanes = [this.#link(), this.#link()]
    const closed = (one: Fetcher) => {
      this.#fetchers.delete(one)
      for (const links of lanes) this.#links.delete(links)
    }
    const { poisonLoans, link } = this.#settings
    const fetcher = new KafkaFetcher({ cluster: this.#cluster, lanes, retryForMs: link.retryForMs, poisonLoans, closed }, options)
    this.#fetchers.add(fetcher)
    return fetcher
  }

  producer(options: ProducerOptions): Promise<Producer> {
    const links = this.#link()
    const { codec, link, lingerMs, transactionVersion } = this.#settings
    const closed = () => void this.#links.delete(links)
    const home = {
      cluster: this.#cluster,
      links,
      retryForMs: link.retryForMs,
      codec,
      spares: this.#spares,
      lingerMs,
      transactionVersion,
      closed,
    }
    return KafkaProducer.open(home, options).catch((thrown: unknown) => {
      this.#unlink(links)
      throw thrown
    })
  }

  async close(): Promise<void> {
    for (const member of [...this.#members]) member.hangUp()
    for (const fetcher of [...this.#fetchers]) fetcher.close()
    for (const links of this.#links) links.close()
    this.#standIn.close()
    this.#cluster.close()
  }

  /** Nobody uses them. */
  #unlink(...all: readonly Links[]): void {
    for (const links of all) {
      links.close()
      this.#links.delete(links)
    }
  }

  #link(requestTimeoutMs = this.#settings.link.requestTimeoutMs): Links {
    const links = new Links(this.#cluster, { ...this.#settings.link, requestTimeoutMs })
    this.#links.add(links)
    return links
  }
}
