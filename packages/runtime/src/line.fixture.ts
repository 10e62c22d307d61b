import {
  type Admin,
  type Broker,
  BrokerError,
  type Fetcher,
  type GroupCallbacks,
  type Membership,
  type Producer,
  type RecordBatches,
  type TopicPartition,
} from '@riacho/streams/engine'

/** A call that goes over a {@link Line}. */
export type Call =
  | 'flush'
  | 'flush changelog'
  | 'commit offsets'
  | 'send offsets'
  | 'commit'
  | 'abort'
  | 'poll'
  | 'producer'
  | 'leave'
  | 'committed'
  | 'offsets'

/** The way from an application to a real broker: a test looks at each call, lets it wait, fails it before or after it has happened, and cuts the line. */
export class Line {
  readonly broker: Broker
  /** The calls that decide what is durable, in order. */
  readonly calls: Call[] = []
  /** How often the engine has said that it goes on. */
  signsOfLife = 0
  /** Before a call: may wait, or throw, so that the call never happens. */
  before: (call: Call) => void | Promise<void> = () => {}
  /** After a call has happened: a throw makes its outcome unknown to the caller. */
  after: (call: Call) => void | Promise<void> = () => {}
  /** What a poll hands on: a test may keep slices back. */
  polled: (slices: readonly RecordBatches[]) => readonly RecordBatches[] = slices => slices
  readonly #members: Membership[] = []
  readonly #wake = new Set<() => void>()
  readonly #groups: { readonly on: GroupCallbacks; readonly owned: TopicPartition[]; deaf: boolean }[] = []
  #cut = false

  constructor(to: Broker) {
    this.broker = {
      admin: this.#admin(to.admin),
      join: async (group, on) => {
        this.#check()
        const member = await to.join(group, this.#callbacks(on))
        this.#members.push(member)
        return this.#member(member)
      },
      fetcher: options => this.#fetcher(to.fetcher(options)),
      producer: options => this.over('producer', async () => this.#producer(await to.producer(options), options.holdUntilFlush === true)),
      close: () => to.close(),
    }
  }

  /** The application is gone at once, as after kill -9: nothing that it does arrives any more, and the group knows. */
  async cut(): Promise<void> {
    this.#cut = true
    this.#deafen()
    for (const wake of this.#wake) wake()
    for (const member of this.#members) await member.leave()
  }

  /** The application is held up, and the group has given its partitions to others, which it does not know: a zombie. Its calls still arrive. */
  async outlive(): Promise<void> {
    this.#deafen()
    for (const member of this.#members) await member.leave()
  }

  /** The group says that the partitions are somebody else's. */
  async lose(reason: BrokerError): Promise<void> {
    this.#deafen()
    for (const member of this.#members) await member.leave()
    for (const { on, owned } of this.#groups) on.lost(owned.splice(0), reason)
  }

  /** Fails the `nth` such call from now on, before it happens; later ones pass. */
  failOnce(call: Call, nth = 1, error: unknown = new BrokerError('UNREACHABLE', 'the broker is away', { retriable: true })): void {
    let left = nth
    this.before = made => {
      if (made === call && --left === 0) throw error
    }
  }

  /** Makes a call, with what the test does before and after it. */
  async over<T>(call: Call, made: () => Promise<T>): Promise<T> {
    this.#check()
    await this.before(call)
    this.#check()
    const result = await made()
    if (call !== 'poll' && call !== 'offsets' && call !== 'committed') this.calls.push(call)
    await this.after(call)
    this.#check()
    return result
  }

  /** Of memberships so far nothing is heard any more. */
  #deafen(): void {
    for (const group of this.#groups) group.deaf = true
  }

  #check(): void {
    if (this.#cut) throw new BrokerError('CUT', 'the application is gone', { fenced: true })
  }

  #admin(admin: Admin): Admin {
    return {
      createTopics: topics => admin.createTopics(topics),
      partitions: topics => admin.partitions(topics),
      deleteRecords: before => admin.deleteRecords(before),
      offsets: of => this.over('offsets', () => admin.offsets(of)),
      committed: (group, of) => this.over('committed', () => admin.committed(group, of)),
    }
  }

  #callbacks(on: GroupCallbacks): GroupCallbacks {
    const owned: TopicPartition[] = []
    const own = { on, owned, deaf: false }
    this.#groups.push(own)
    return {
      assigned: async partitions => {
        if (own.deaf) return
        owned.push(...partitions)
        await on.assigned(partitions)
      },
      revoked: async partitions => {
        if (!own.deaf) await on.revoked(partitions)
      },
      lost: (partitions, reason) => {
        if (!own.deaf) on.lost(partitions, reason)
      },
    }
  }

  #member(member: Membership): Membership {
    return {
      get group() {
        return member.group
      },
      get memberId() {
        return member.memberId
      },
      get generation() {
        return member.generation
      },
      commit: offsets => this.over('commit offsets', () => member.commit(offsets)),
      leave: () => this.over('leave', () => member.leave()),
      alive: () => this.signsOfLife++,
    }
  }

  #fetcher(fetcher: Fetcher): Fetcher {
    const wake = (): void => fetcher.wake()
    this.#wake.add(wake)
    return {
      add: (at, offset) => fetcher.add(at, offset),
      remove: at => fetcher.remove(at),
      pause: at => fetcher.pause(at),
      resume: at => fetcher.resume(at),
      seek: (at, offset) => fetcher.seek(at, offset),
      poll: async maxWait => this.polled(await this.over('poll', () => fetcher.poll(maxWait))),
      wake,
      close: () => {
        this.#wake.delete(wake)
        fetcher.close()
      },
    }
  }

  #producer(producer: Producer, changelog: boolean): Producer {
    return {
      get bufferedBytes() {
        return producer.bufferedBytes
      },
      partition: at => producer.partition(at),
      flush: () => this.over(changelog ? 'flush changelog' : 'flush', () => producer.flush()),
      sendOffsets: (member, offsets) => this.over('send offsets', () => producer.sendOffsets(member, offsets)),
      commit: () => this.over('commit', () => producer.commit()),
      abort: () => this.over('abort', () => producer.abort()),
      close: () => producer.close(),
    }
  }
}
