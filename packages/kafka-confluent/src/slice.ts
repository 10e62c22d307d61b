import { type Headers, noHeaders, type RecordBatches, type RecordCursor } from '@riacho/streams/engine'
import type { DriverMessage } from './driver.ts'

const nothing = Buffer.alloc(0)
/** What a record costs beside its bytes. */
const recordBytes = 16

/** The bytes of a record, as limits count them. */
export const bytesOf = ({ key, value }: DriverMessage): number => recordBytes + (key?.length ?? 0) + (value?.length ?? 0)

/** Records of one partition. The driver made an object of each: nothing is lent, and they may be kept. */
export class MessageSlice implements RecordBatches {
  readonly topic: string
  readonly partition: number
  readonly bytes: number
  readonly highWatermark: number
  readonly lastStable: number
  readonly #messages: readonly DriverMessage[]
  readonly #from: number
  readonly #next: number

  constructor(
    facts: { topic: string; partition: number; highWatermark: number; lastStable: number; from: number; next: number; bytes: number },
    messages: readonly DriverMessage[],
  ) {
    this.topic = facts.topic
    this.partition = facts.partition
    this.bytes = facts.bytes
    this.highWatermark = facts.highWatermark
    this.lastStable = facts.lastStable
    this.#from = facts.from
    this.#next = facts.next
    this.#messages = messages
  }

  cursor(): RecordCursor {
    return new MessageCursor(this.#messages, this.#from, this.#next)
  }

  release(): void {}
}

class MessageCursor implements RecordCursor {
  readonly #messages: readonly DriverMessage[]
  readonly #next: number
  #message: DriverMessage | undefined
  #at = 0
  #position: number

  constructor(messages: readonly DriverMessage[], from: number, next: number) {
    this.#messages = messages
    this.#position = from
    this.#next = next
  }

  next(): boolean {
    const message = this.#messages[this.#at++]
    this.#message = message
    this.#position = message === undefined || this.#at === this.#messages.length ? this.#next : message.offset + 1
    return message !== undefined
  }

  get offset(): number {
    return this.#message!.offset
  }
  get timestamp(): number {
    return this.#message!.timestamp
  }
  get keyFrame(): Buffer {
    return this.#message!.key ?? nothing
  }
  get keyStart(): number {
    return this.#message!.key === null ? -1 : 0
  }
  get keyEnd(): number {
    return this.#message!.key?.length ?? -1
  }
  get valueFrame(): Buffer {
    return this.#message!.value ?? nothing
  }
  get valueStart(): number {
    return this.#message!.value === null ? -1 : 0
  }
  get valueEnd(): number {
    return this.#message!.value?.length ?? -1
  }
  get hasHeaders(): boolean {
    return (this.#message!.headers?.length ?? 0) > 0
  }
  get position(): number {
    return this.#position
  }
  headers(): Headers {
    const headers = this.#message!.headers
    return headers === undefined ? noHeaders : headers.flatMap(header => Object.entries(header))
  }
}
