import { BatchCursor, type RecordBatches, type RecordCursor } from '@riacho/streams/engine'
import { decompress } from '../compression.ts'
import { crc32c } from '../crc32c.ts'
import { KafkaError } from '../errors.ts'
import type { FetchedPartition } from './answer.ts'
import type { Frame, Frames } from './frames.ts'

/** What a slice is made of. */
export interface SliceFacts {
  readonly topic: string
  /** Where the reader wants to go on: the first batch may begin before it. */
  readonly from: number
  readonly committed: boolean
  /** Fills it with 0xDB when it is released, so that whoever kept a view notices. */
  readonly poison: boolean
}

/** What one fetch brought of one partition, on loan. */
export class Slice implements RecordBatches {
  readonly topic: string
  readonly partition: number
  readonly bytes: number
  readonly highWatermark: number
  readonly lastStable: number
  readonly #facts: SliceFacts
  readonly #aborted: FetchedPartition['aborted']
  #frame: Frame
  #data: Buffer
  #released = false

  /** `data` lies in `frame`, of which the slice becomes a holder. */
  constructor(facts: SliceFacts, fetched: FetchedPartition, frame: Frame, data: Buffer) {
    this.topic = facts.topic
    this.partition = fetched.partition
    this.bytes = data.length
    this.highWatermark = fetched.highWatermark
    this.lastStable = fetched.lastStable
    this.#facts = facts
    this.#aborted = fetched.aborted
    this.#frame = frame
    this.#data = data
    frame.hold()
  }

  cursor(): RecordCursor {
    const { committed, from } = this.#facts
    const aborted = committed ? this.#aborted : undefined
    return new BatchCursor(this.#data, 0, this.#data.length, from, { aborted, decompress, checkCrc: crc32c, of: this })
  }

  /** How much of its frame it is, from 0 to 1; 1 when it has one of its own. */
  get share(): number {
    return this.bytes / this.#frame.bytes.length
  }

  /** Moves to a frame of its own, so that the one that it shares can be used again. Before it is lent: a cursor would stay behind. */
  moveOut(to: Frames): void {
    const own = to.take(this.bytes)
    own.bytes.set(this.#data)
    this.#leave()
    this.#frame = own
    this.#data = own.bytes
  }

  release(): void {
    if (this.#released) throw new KafkaError('LOAN_RELEASED', `a slice of ${this.topic}/${this.partition} was released before`)
    this.#released = true
    this.#leave()
  }

  #leave(): void {
    if (this.#facts.poison) this.#data.fill(0xdb)
    this.#frame.release()
  }
}
