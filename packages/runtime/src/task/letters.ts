import type { StreamRecord } from '@riacho/streams'
import {
  bytes,
  deadLetterHeaders,
  type Emit,
  type Failure,
  fittingLetter,
  type Origin,
  type Producer,
  type SinkSpec,
} from '@riacho/streams/engine'
import type { Counters } from '../observe/counters.ts'
import { openSender } from './sender.ts'

/** Writes the dead letters of a task with its producer, so that they are part of its commits, in at most `bytesMax` bytes each. */
export class Letters {
  readonly #producer: Producer
  readonly #counts: ReadonlyMap<string, number>
  readonly #counters: Counters
  readonly #bytesMax: number
  readonly #writers = new Map<string, Emit<StreamRecord<unknown, unknown>>>()

  constructor(producer: Producer, counts: ReadonlyMap<string, number>, counters: Counters, bytesMax: number) {
    this.#bytesMax = bytesMax
    this.#producer = producer
    this.#counts = counts
    this.#counters = counters
  }

  write(topic: string, origin: Origin, failure: Failure): void {
    const { key, value, timestamp } = origin
    const letter = fittingLetter({ key, value, headers: deadLetterHeaders(origin, failure) }, this.#bytesMax)
    this.#writer(topic)({ ...letter, timestamp: Math.max(0, timestamp) })
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
