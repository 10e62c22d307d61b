import type { TopicPartition } from '@riacho/streams/engine'
import type { DriverMessage } from './driver.ts'
import { bytesOf, MessageSlice } from './slice.ts'

/** One partition of a fetcher: what the driver brought of it and nobody has taken. */
export class Lane implements TopicPartition {
  readonly topic: string
  readonly partition: number
  /** Where its owner goes on. */
  position: number
  /** The driver has to be told to begin at `position`. */
  moved = true
  /** The driver reads it. */
  assigned = false
  /** Its owner does not want it now. */
  paused = false
  /** The driver does not read on, because too much waits. */
  held = false
  /** Its position does not exist. */
  outOfRange = false
  /** When it last went on, in milliseconds. */
  progress = 0
  bytes = 0
  #messages: DriverMessage[] = []
  /** Where the driver saw the end, behind the records that no reader may see. */
  #end = -1

  constructor({ topic, partition }: TopicPartition, position: number) {
    this.topic = topic
    this.partition = partition
    this.position = position
  }

  /** Forgets what waits, and goes on elsewhere. */
  move(position: number): void {
    this.#messages = []
    this.#end = -1
    this.bytes = 0
    this.position = position
    this.moved = true
    this.outOfRange = false
  }

  /** Takes a record of the driver, unless it is one of before a move. */
  add(message: DriverMessage): void {
    if (this.moved || message.offset < this.position) return
    this.#messages.push(message)
    this.bytes += bytesOf(message)
  }

  /** The driver saw the end there. */
  ended(offset: number): void {
    if (!this.moved) this.#end = offset
  }

  get empty(): boolean {
    return this.#messages.length === 0 && this.#end <= this.position
  }

  /** The first records, of at most so many bytes; of the first one, whatever its size, if `atLeastOne`. */
  take(bytesMax: number, atLeastOne: boolean, highWatermark: number): MessageSlice | undefined {
    let [count, bytes] = [0, 0]
    for (const message of this.#messages) {
      const more = bytesOf(message)
      if (bytes + more > bytesMax && !(atLeastOne && count === 0)) break
      bytes += more
      count++
    }
    const whole = count === this.#messages.length
    if (count === 0 && !whole) return undefined
    const taken = whole ? this.#messages : this.#messages.slice(0, count)
    this.#messages = whole ? [] : this.#messages.slice(count)
    this.bytes -= bytes
    const from = this.position
    this.position = Math.max(from, (taken.at(-1)?.offset ?? -1) + 1, whole ? this.#end : -1)
    const lastStable = this.#end >= 0 ? Math.max(this.#end, this.position) : Math.max(highWatermark, this.position)
    const { topic, partition, position: next } = this
    if (whole) this.#end = -1
    return new MessageSlice({ topic, partition, from, next, bytes, highWatermark: Math.max(highWatermark, next), lastStable }, taken)
  }
}
