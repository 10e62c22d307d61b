import type { Held } from '@riacho/streams/engine'

/** Records that may wait for the partitions of their topics; beyond it the task is not fed. */
const waitingMax = 1000

/**
 * Topics that a function chooses per record: the first records of each wait until the broker has said how many partitions it has, in their order. A stage like others, so
 * that a commit waits for it.
 */
export class ChosenTopics implements Held {
  size = 0
  readonly #lookUp: (topic: string) => Promise<void>
  readonly #fail: (error: unknown) => void
  #waiting = new Map<string, (() => void)[]>()
  #waiters: (() => void)[] = []

  /** `lookUp` makes a topic's partitions known; its failure is given to `fail`. */
  constructor(lookUp: (topic: string) => Promise<void>, fail: (error: unknown) => void) {
    this.#lookUp = lookUp
    this.#fail = fail
  }

  get full(): boolean {
    return this.size >= waitingMax
  }

  /** Calls `send` once the topic is known, after those that came before it. */
  wait(topic: string, send: () => void): void {
    this.size++
    const line = this.#waiting.get(topic)
    if (line !== undefined) {
      line.push(send)
      return
    }
    const fresh = [send]
    this.#waiting.set(topic, fresh)
    this.#lookUp(topic).then(
      () => this.#known(topic, fresh),
      error => {
        this.#fail(error)
        // Whoever waits for it learns that it is over.
        this.#moved()
      },
    )
  }

  flush(): void {}

  progress(): Promise<void> {
    return this.size === 0 ? Promise.resolve() : new Promise(resolve => this.#waiters.push(resolve))
  }

  abort(): void {
    this.#waiting = new Map()
    this.size = 0
    this.#moved()
  }

  async close(): Promise<void> {
    this.abort()
  }

  #known(topic: string, line: readonly (() => void)[]): void {
    if (this.#waiting.get(topic) !== line) return
    this.#waiting.delete(topic)
    try {
      for (const send of line) send()
    } catch (error) {
      this.#fail(error)
    }
    this.size -= line.length
    this.#moved()
  }

  #moved(): void {
    for (const resolve of this.#waiters.splice(0)) resolve()
  }
}
