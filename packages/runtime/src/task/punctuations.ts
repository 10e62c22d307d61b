import type { Punctuator } from '@riacho/streams/engine'
import { InputOrder } from './priority-queue.ts'

interface Punctuation {
  /** When it is due. */
  headTime: number
  readonly interval: number
  readonly call: Punctuator
  cancelled: boolean
}

/**
 * The punctuators of a task (Kafka Streams: `PunctuationQueue`, `PunctuationSchedule`). Stream time fires first at the first known stream time, wall clock one interval
 * after scheduling, with an anchor at it or, when that is past, at the next time that is a whole number of intervals after it. Missed periods collapse to one call, the
 * next is aligned to the first.
 */
export class Punctuations {
  readonly #queues = { stream: new InputOrder<Punctuation>(), wall: new InputOrder<Punctuation>() }
  /** What puts those in a queue that were scheduled while nodes were opened, by node, the one opened last first. */
  #opening: (() => void)[][] | undefined

  /** A node is opened. Nodes are opened from sinks to sources, and what they schedule is queued in their own order (Kafka Streams: `initTopology`). */
  openNode(): void {
    this.#opening ??= []
    this.#opening.unshift([])
  }

  /** All nodes are open. */
  opened(): void {
    for (const offers of this.#opening ?? []) for (const offer of offers) offer()
    this.#opening = undefined
  }

  /** `time` is the clock's: stream time or wall clock. */
  add(interval: number, clock: 'stream' | 'wall', call: Punctuator, time: number, anchor?: number): () => void {
    const punctuation: Punctuation = { headTime: anchor ?? (clock === 'stream' ? 0 : time + interval), interval, call, cancelled: false }
    if (anchor !== undefined && anchor < time) moveOn(punctuation, time)
    const offer = (): void => this.#queues[clock].offer(punctuation)
    if (this.#opening === undefined) offer()
    else this.#opening[0]!.push(offer)
    return () => {
      punctuation.cancelled = true
    }
  }

  /** Calls what is due, also what is scheduled meanwhile. Returns whether anything was called. */
  run(clock: 'stream' | 'wall', time: number): boolean {
    if (time < 0) return false
    const queue = this.#queues[clock]
    let called = false
    for (let due = queue.peek(); due !== undefined && due.headTime <= time; due = queue.peek()) {
      queue.poll()
      if (due.cancelled) continue
      called = true
      due.call(time)
      // It may have cancelled itself.
      if (due.cancelled) continue
      moveOn(due, time)
      queue.offer(due)
    }
    return called
  }
}

/** To the next time after `time`, but by one interval at least. */
function moveOn(punctuation: Punctuation, time: number): void {
  const missed = Math.max(0, Math.floor((time - punctuation.headTime) / punctuation.interval))
  punctuation.headTime += (missed + 1) * punctuation.interval
}
