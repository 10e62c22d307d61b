import { BatchCursor, type RecordBatches, type RecordCursor } from '@riacho/streams/engine'
import { decompress } from '../compression.ts'
import { crc32c } from '../crc32c.ts'
import { KafkaError } from '../errors.ts'
import type { FetchedPartition } from './answer.ts'
import type { Frame } from './frames.ts'

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
  /** Undefined when it is in memory of its own. */
  #frame: Frame | undefined
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

  /** How much of its frame it is, from 0 to 1; 1 when it has memory of its own. */
  get share(): number {
    return this.#frame === undefined ? 1 : this.bytes / this.#frame.bytes.length
  }

  /** Moves to memory of its own, so that its frame can be used again. Before it is lent: a cursor would stay behind. */
  moveOut(): void {
    if (this.#frame === undefined) return
    const copy = Buffer.allocUnsafeSlow(this.bytes)
    copy.set(this.#data)
    this.#leave()
    this.#data = copy
  }

  release(): void {
    if (this.#released) throw new KafkaError('LOAN_RELEASED', `a slice of ${this.topic}/${this.partition} was released before`)
    this.#released = true
    this.#leave()
  }

  #leave(): void {
    if (this.#facts.poison) this.#data.fill(0xdb)
    this.#frame?.release()
    this.#frame = undefined
  }
}
