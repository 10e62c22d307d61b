import type { DropReason, GlobalCopy, GlobalFacts, Position, RecordBatches } from '@riacho/streams/engine'
import type { Counters } from '../observe/counters.ts'
import { Drops } from '../observe/drops.ts'
import type { Settings } from '../options.ts'
import { type DecodeReport, Decoder } from '../task/decoder.ts'
import { StoreHands } from '../task/kept-store.ts'

/** The copy of one global table: its records are decoded as those of a task's input are, and put in the order in which they come (Kafka Streams: `GlobalStateUpdateTask`). */
export class Copy implements DecodeReport {
  readonly id: string
  readonly rows: GlobalCopy
  /** Records put so far. */
  applied = 0
  readonly #decoders: readonly Decoder[]
  readonly #drops: Drops
  readonly #now: () => number
  #at: Position | null = null

  constructor(facts: GlobalFacts, partitions: number, application: string, { clock, log, strict, stores }: Settings, counters: Counters) {
    const [topic] = facts.source.topics
    this.id = `global ${topic}`
    this.#now = () => clock.now()
    this.#drops = new Drops(this, counters, log, clock.now())
    const hands = new StoreHands(stores, { application, task: 'global' })
    hands.bind(undefined, reason => this.drop(reason))
    this.rows = facts.open(hands)
    this.#decoders = Array.from({ length: partitions }, () => new Decoder(topic!, facts.source, this, strict, false))
  }

  /** Takes a slice and gives it back. Returns the position after it. Throws when a record stops the application. */
  apply(batches: RecordBatches): number {
    const decoder = this.#decoders[batches.partition]!
    const at = { topic: batches.topic, partition: batches.partition, offset: -1 }
    this.#at = at
    this.#drops.look(this.#now())
    const cursor = batches.cursor()
    try {
      while (cursor.next()) {
        at.offset = cursor.offset
        if (!decoder.take(cursor)) continue
        const { key, value, timestamp } = decoder.record!
        decoder.taken(timestamp)
        if (key === null) this.drop('null-key')
        else this.rows.put(key, value, timestamp)
        this.applied++
      }
      return cursor.position
    } finally {
      // Nothing takes it back.
      this.rows.store.committed()
      batches.release()
    }
  }

  drop(reason: DropReason): void {
    this.#drops.drop(reason)
  }

  deadLetter(): void {}

  now(): number {
    return this.#now()
  }

  position(): Position | null {
    return this.#at === null ? null : { ...this.#at }
  }
}
