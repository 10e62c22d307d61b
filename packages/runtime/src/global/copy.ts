import type { DropReason, GlobalCopy, GlobalFacts, Position } from '@riacho/streams/engine'
import type { Counters } from '../observe/counters.ts'
import { Drops } from '../observe/drops.ts'
import type { Settings } from '../options.ts'
import { type DecodeReport, Decoder } from '../task/decoder.ts'
import { Input } from '../task/input.ts'
import { StoreHands } from '../task/kept-store.ts'

/** The copy of one global table: its records are decoded as those of a task's input are, and put in the order in which they come (Kafka Streams: `GlobalStateUpdateTask`). */
export class Copy implements DecodeReport {
  readonly id: string
  readonly rows: GlobalCopy
  /** One for each partition. */
  readonly inputs: readonly Input[]
  /** Records put so far. */
  applied = 0
  readonly #drops: Drops
  readonly #settings: Settings
  #current: Input | undefined

  constructor(facts: GlobalFacts, partitions: number, application: string, settings: Settings, counters: Counters) {
    const [topic] = facts.source.topics
    this.id = `global ${topic}`
    this.#settings = settings
    this.#drops = new Drops(this, counters, settings.log, this.now())
    const hands = new StoreHands(settings.stores, { application, task: 'global' })
    hands.bind(undefined, reason => this.drop(reason))
    this.rows = facts.open(hands)
    this.inputs = Array.from({ length: partitions }, (_, partition) => {
      const decoder = new Decoder(topic!, facts.source, this, settings.strict, false)
      const put = (record: { key: unknown; value: unknown; timestamp: number }): void => this.#put(record)
      return new Input({ topic: topic!, partition }, topic!, { decoder, emit: put }, 0)
    })
  }

  /** Puts what has come of a partition, up to a record that waits. Throws when a record stops the application. */
  apply(input: Input): void {
    this.#current = input
    this.#drops.look(this.now())
    try {
      while (input.load()) input.take()
    } finally {
      // Nothing takes it back.
      this.rows.store.committed()
    }
  }

  #put({ key, value, timestamp }: { key: unknown; value: unknown; timestamp: number }): void {
    if (key === null) this.drop('null-key')
    else this.rows.put(key, value, timestamp)
    this.applied++
  }

  drop(reason: DropReason): void {
    this.#drops.drop(reason)
  }

  deadLetter(): void {}

  tell(message: string): void {
    this.#settings.log({ level: 'warn', message, task: this.id })
  }

  now(): number {
    return this.#settings.clock.now()
  }

  position(): Position | null {
    return this.#current?.where() ?? null
  }
}
