import type { OffsetReset, Origin, Position, RecordBatches, RecordCursor, SourceRecord, TopicPartition } from '@riacho/streams/engine'
import { noHeaders, notBeforeOf } from '@riacho/streams/engine'
import { BytesCursor } from './bytes-cursor.ts'
import type { Entrance } from './decoder.ts'

/** The queue of one input of a task: slices on loan, walked by a cursor, decoded one record ahead. */
export class Input {
  /** The topic whose offset is committed: for a connector its positions topic. */
  readonly at: TopicPartition
  /** As positions and dead letters name it: the topic, or the connector. */
  readonly name: string
  readonly #entrance: Entrance
  /** Offset to commit: of the record that will be taken next. */
  position: number
  /** The position of the last commit. */
  covered: number
  /** Where it goes on when what comes next is gone. */
  offsetReset: OffsetReset = 'earliest'
  /** Last stable offset as last heard of. */
  end = 0
  /** Bytes that wait. */
  bytes = 0
  paused = false
  /** Of a retry topic: its records wait until their time has come. */
  delayed = false
  /** The connector's own position of the last record taken. */
  mark: Uint8Array | undefined
  headTime = 0
  /** When its records came, if nothing waited before: a number that grows over all inputs. */
  arrived = 0
  static #arrivals = 0
  #ready = false
  /** What the next record waits for. */
  #until: Promise<void> | undefined
  /** The cursor stands on a record that waited. */
  #again = false
  #dueAt = 0
  #slices: { batches: RecordBatches | undefined; cursor: RecordCursor; bytes: number }[] = []
  #offset = -1

  constructor(at: TopicPartition, name: string, entrance: Entrance, position: number) {
    this.at = at
    this.name = name
    this.#entrance = entrance
    this.position = position
    this.covered = position
  }

  /** Whether nothing waits, as far as is known without decoding. */
  get empty(): boolean {
    return !this.#ready && this.#slices.length === 0
  }

  /** Whether the next record lacks something that its serde fetches. */
  get waiting(): boolean {
    return this.#until !== undefined
  }

  /** Until when what is loaded waits, epoch milliseconds; 0: it does not. */
  get dueAt(): number {
    return this.#ready ? this.#dueAt : 0
  }

  get partitionTime(): number {
    return this.#entrance.decoder.partitionTime
  }

  set partitionTime(time: number) {
    this.#entrance.decoder.partitionTime = time
  }

  /** Takes a slice on loan. */
  add(batches: RecordBatches): void {
    this.end = batches.lastStable
    this.bytes += batches.bytes
    const cursor = batches.cursor()
    if (!this.#ready && (this.empty || this.position >= cursor.position)) this.arrived = ++Input.#arrivals
    this.#slices.push({ batches, cursor, bytes: batches.bytes })
  }

  /** Takes records of a connector. */
  addRecords(records: readonly SourceRecord[]): void {
    if (records.length === 0) return
    const bytes = records.reduce((sum, record) => sum + (record.value?.length ?? 0) + (record.key?.length ?? 0), 0)
    this.bytes += bytes
    if (this.empty) this.arrived = ++Input.#arrivals
    this.#slices.push({ batches: undefined, cursor: new BytesCursor(records), bytes })
  }

  /** Decodes the next record, past those that are dropped. Returns false when nothing is left, or what is left waits. Throws when a record stops the task. */
  load(): boolean {
    if (this.#ready) return true
    if (this.#until !== undefined) return false
    for (let slice = this.#slices[0]; slice !== undefined; slice = this.#slices[0]) {
      const { cursor } = slice
      while (this.#again || cursor.next()) {
        this.#again = false
        this.#offset = cursor.offset
        if (this.#entrance.decoder.take(cursor)) {
          this.headTime = this.#entrance.decoder.record!.timestamp
          if (this.delayed) this.#dueAt = notBeforeOf(this.#entrance.decoder.record!.headers)
          this.#ready = true
          return true
        }
        const until = this.#entrance.decoder.awaited()
        if (until !== undefined) return this.#wait(until)
        this.#advance(cursor)
      }
      this.#advance(cursor)
      this.#return()
    }
    return false
  }

  #wait(until: Promise<void>): false {
    this.#again = true
    this.#until = until
    void until.then(() => {
      if (this.#until === until) this.#until = undefined
    })
    return false
  }

  /** Hands the loaded record on. */
  take(): void {
    const { decoder, emit } = this.#entrance
    const record = decoder.record!
    this.#ready = false
    decoder.taken(record.timestamp)
    this.#advance(this.#slices[0]!.cursor)
    emit(record)
  }

  /** Goes past the loaded record without handing it on. */
  skip(): void {
    this.#ready = false
    this.#advance(this.#slices[0]!.cursor)
  }

  /** What comes after that which waits is at this offset. */
  goOn(position: number): void {
    if (this.empty) this.position = position
  }

  where(): Position {
    return { topic: this.name, partition: this.at.partition, offset: this.#offset }
  }

  /** Copies of the record that was loaded last. */
  origin(): Origin {
    const cursor = this.#slices[0]!.cursor
    const copy = (frame: Buffer, start: number, end: number): Uint8Array | null =>
      start < 0 ? null : Uint8Array.prototype.slice.call(frame, start, end)
    return {
      ...this.where(),
      timestamp: cursor.timestamp,
      key: copy(cursor.keyFrame, cursor.keyStart, cursor.keyEnd),
      value: copy(cursor.valueFrame, cursor.valueStart, cursor.valueEnd),
      headers: cursor.hasHeaders ? cursor.headers() : noHeaders,
    }
  }

  /** Gives back all loans and forgets what waits. */
  clear(): void {
    while (this.#slices.length > 0) this.#return()
    this.#ready = false
    this.#again = false
    this.#until = undefined
  }

  #advance(cursor: RecordCursor): void {
    if (cursor instanceof BytesCursor) this.mark = cursor.mark ?? this.mark
    else this.position = cursor.position
  }

  #return(): void {
    const slice = this.#slices.shift()!
    this.bytes -= slice.bytes
    slice.batches?.release()
  }
}
