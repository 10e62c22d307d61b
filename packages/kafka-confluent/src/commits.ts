import type { CommittedOffset } from '@riacho/streams/engine'
import type { DriverConsumer, DriverOffset } from './driver.ts'
import { ConfluentError } from './errors.ts'
import type { Home } from './home.ts'

/** The cluster's limit, less the NUL that the binding appends. */
const metadataCharactersMax = 4095

/** Commits of a consumer, one after the other: the driver tells outcomes by a callback of the consumer, not of the call. */
export class Commits {
  readonly #home: Home
  readonly #consumer: DriverConsumer
  #last: Promise<unknown> = Promise.resolve()
  #asked: readonly DriverOffset[] = []
  #settle: (thrown: unknown) => void = () => {}

  constructor(home: Home, consumer: DriverConsumer) {
    this.#home = home
    this.#consumer = consumer
  }

  /** Whether the outcome of one is waited for. */
  get waiting(): boolean {
    return this.#asked.length > 0
  }

  ask(offsets: readonly DriverOffset[]): Promise<void> {
    const answer = this.#last.then(() => this.#ask(offsets))
    this.#last = answer.catch(() => undefined)
    return answer
  }

  async #ask(offsets: readonly DriverOffset[]): Promise<void> {
    const large = offsets.find(({ metadata }) => (metadata?.length ?? 0) > metadataCharactersMax)
    if (large !== undefined) {
      const message = `${large.metadata!.length} characters of metadata: the driver takes ${metadataCharactersMax}`
      throw new ConfluentError('OFFSET_METADATA_TOO_LARGE', message)
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const { requestTimeoutMs } = this.#home.settings
    const late = () => reject(new ConfluentError('REQUEST_TIMED_OUT', 'the outcome of a commit is not known in time', { retriable: true }))
    const timer = setTimeout(late, requestTimeoutMs)
    this.#asked = offsets
    this.#settle = thrown => {
      if (thrown) reject(this.#home.failures.of(thrown))
      else resolve()
    }
    try {
      this.#consumer.commit(offsets)
      await promise
    } finally {
      clearTimeout(timer)
      this.#asked = []
    }
  }

  /** The outcome of a commit; it is not the one that is waited for when that one came late. */
  answered(thrown: unknown, offsets: readonly DriverOffset[]): void {
    const same = (one: DriverOffset) =>
      offsets.some(({ topic, partition, offset }) => topic === one.topic && partition === one.partition && offset === one.offset)
    if (this.#asked.length > 0 && this.#asked.length === offsets.length && this.#asked.every(same)) this.#settle(thrown)
  }
}

/** An offset as the driver takes it. */
export const forDriver = ({ topic, partition, offset, metadata }: CommittedOffset): DriverOffset => ({
  topic,
  partition,
  offset,
  ...(metadata === undefined ? {} : { metadata }),
})
