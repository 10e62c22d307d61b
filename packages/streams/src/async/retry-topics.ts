import type { RetryWay } from '../contract/node.ts'
import type { StreamRecord } from '../contract/record.ts'
import type { Emit, StageRecord, Task } from '../contract/task.ts'
import { bytes } from '../serde/bytes.ts'
import type { RecordBytes } from '../wire/beside.ts'
import { positionOf, readWaiting, type Waiting, waitingHeaders } from '../wire/waiting.ts'

type Plain = StreamRecord<unknown, unknown>

/** The way of a stage's records through its retry topics and back, always in the partition of the task, so that state is where it was. */
export class RetryRounds {
  readonly #task: Task
  readonly #way: RetryWay
  readonly #writers: readonly Emit<Plain>[]

  constructor(task: Task, way: RetryWay) {
    this.#task = task
    this.#way = way
    const partition = (): number => task.partition
    this.#writers = way.delays.map((_, i) => task.sender({ topic: way.topics[i]!, key: bytes, value: bytes, partition }))
  }

  /** Milliseconds to wait in the next topic of a record that was in so many; undefined when it was in all. */
  delayAfter(round: number): number | undefined {
    return this.#way.delays[round]
  }

  /** Writes a record to the topic that `waiting.round` says. Throws what its serdes do. */
  send(record: Plain, waiting: Waiting): void {
    const raw = this.#encoded(record)
    this.#writers[waiting.round - 1]!({ ...raw, timestamp: record.timestamp, headers: waitingHeaders(raw, waiting) })
  }

  /** Hands `take` what comes back. `letters`: dead letters are written, which need originals. */
  receive(take: (record: Plain, waiting: Waiting) => void, letters: boolean): void {
    this.#way.returnTo(record => {
      const raw = this.#task.origin()!
      const { headers, waiting } = readWaiting(raw)
      const kept = waiting.at !== null && 'headers' in waiting.at
      // A plan without dead letters kept no original: what the stage was given stands for it.
      const at = letters && !kept ? { ...raw, ...waiting.from, headers, offset: -1 } : waiting.at
      take({ ...record, headers }, { ...waiting, at })
    })
  }

  /** What a dead letter says, so that its record can be replayed into the stage; undefined of a record that cannot be encoded. */
  entrance(record: Plain, { from, nth }: Pick<Waiting, 'from' | 'nth'>): StageRecord | undefined {
    const place = { topic: this.#way.topics[0]!, partition: this.#task.partition, timestamp: record.timestamp, from: positionOf(from), nth }
    try {
      return { ...place, ...this.#encoded(record) }
    } catch {
      return undefined
    }
  }

  #encoded({ key, value, headers }: Plain): RecordBytes {
    const { key: keySerde, value: valueSerde } = this.#way
    return {
      key: key === null ? null : keySerde.encode(key),
      value: value === null || value === undefined ? null : valueSerde.encode(value),
      headers,
    }
  }
}
