import type { StreamRecord } from '@riacho/streams'
import { bytes, deadLetterHeaders, type Emit, type Failure, type Origin, type Producer, type SinkSpec } from '@riacho/streams/engine'
import type { Counters } from '../observe/counters.ts'
import { openSender } from './sender.ts'

/** Writes the dead letters of a task with its producer, so that they are part of its commits. */
export class Letters {
  readonly #producer: Producer
  readonly #counts: ReadonlyMap<string, number>
  readonly #counters: Counters
  readonly #writers = new Map<string, Emit<StreamRecord<unknown, unknown>>>()

  constructor(producer: Producer, counts: ReadonlyMap<string, number>, counters: Counters) {
    this.#producer = producer
    this.#counts = counts
    this.#counters = counters
  }

  write(topic: string, origin: Origin, failure: Failure): void {
    const { key, value, timestamp } = origin
    this.#writer(topic)({ key, value, timestamp: Math.max(0, timestamp), headers: deadLetterHeaders(origin, failure) })
    this.#counters.deadLetters++
    this.#counters.deadLettersByTopic[topic] = (this.#counters.deadLettersByTopic[topic] ?? 0) + 1
  }

  #writer(topic: string): Emit<StreamRecord<unknown, unknown>> {
    const found = this.#writers.get(topic)
    if (found !== undefined) return found
    const made = openSender({ topic, key: bytes, value: bytes } as SinkSpec, {
      producer: this.#producer,
      counts: this.#counts,
      dropNullKeys: false,
      recordBytesMax: Number.POSITIVE_INFINITY,
      wait: () => {},
      sent: () => {},
    })
    this.#writers.set(topic, made)
    return made
  }
}
