import { setTimeout as wait } from 'node:timers/promises'
import { type Broker, type Headers, type Origin, type Producer, partitionOf, waitingHeaders } from '@riacho/streams/engine'
import { type LetterFilter, type PlacedLetter, readLetters } from './letters.ts'
import { Marks } from './marks.ts'

/** How letters are replayed. */
export interface ReplayOptions extends LetterFilter {
  /** Where to, instead of the topic that each record came from. */
  readonly to?: string | undefined
  /** Into the stage that failed, with what it was given, instead of the topic that each record came from. */
  readonly intoStage?: boolean | undefined
  /** Records a second at most. */
  readonly rate?: number | undefined
  /** At most so many letters. */
  readonly max?: number | undefined
  /** Also those that were replayed already. */
  readonly again?: boolean | undefined
  /** Ends with what has been written when aborted. */
  readonly signal?: AbortSignal
}

/** What a replay did. */
export interface Replayed {
  /** Records written. */
  readonly replayed: number
  /** Letters that were replayed before. */
  readonly before: number
  /** Letters that do not say where their record came from, or whose record the application had derived: they need `to`. Into stages: of stages without retry topics. */
  readonly homeless: number
  /** Letters whose topic is no longer there. */
  readonly lost: number
  /** Letters that hold only the beginning of a value which was too large for them: the record is where they say that it came from. */
  readonly cut: number
}

/** Records of one transaction at most. */
const recordsMax = 500
/** The header that says which letter a record was: topic, partition and offset. */
export const replayedHeader = '__riacho.replayed-from'

/**
 * Writes the original records of dead letters again: key, value, headers and timestamp as they were, into the partition that they came from, or into the stage that failed. Each letter is replayed once,
 * however often the command is given or killed: records and marks share transactions, and two replays of one topic cannot run together (the older one is fenced).
 */
export async function replayLetters(broker: Broker, topic: string, options: ReplayOptions): Promise<Replayed> {
  await Marks.create(broker, topic)
  // First, so that what another one left open is decided before the marks are read.
  const producer = await broker.producer({ transactionalId: `riacho-replay-${topic}` })
  try {
    const replay = new Replay(broker, producer, await Marks.read(broker, topic), topic, options)
    await readLetters(broker, topic, options, letter => replay.take(letter), options.signal)
    await replay.commit()
    return replay.done
  } finally {
    await producer.close()
  }
}

/** What is written. */
interface Written extends Pick<Origin, 'topic' | 'key' | 'value' | 'timestamp' | 'headers'> {
  /** The partition where it belongs, if the topic has it. */
  readonly own: number | undefined
}

/** The record that came from a topic; undefined if it came from none. */
function asItWas({ original, topic, partition, offset, timestamp, failedAt }: PlacedLetter, to: string | undefined): Written | undefined {
  if (to === undefined && (topic === '' || offset < 0)) return undefined
  const own = to === undefined || to === topic ? partition : undefined
  return { ...original, topic: to ?? topic, own, timestamp: timestamp < 0 ? failedAt : timestamp }
}

/** What the stage was given, as its retry topic holds it: due at once, with all its tries before it. */
function asGiven({ stage, original, topic, partition, offset, timestamp, failedAt: firstFailure }: PlacedLetter): Written | undefined {
  if (stage === undefined) return undefined
  const at = { topic, partition, offset, timestamp, ...original }
  const { from, nth } = stage
  const headers = waitingHeaders(stage, { tries: 0, round: 0, notBefore: 0, firstFailure, from, nth, at })
  return { ...stage, headers, own: stage.partition }
}

class Replay {
  done: Replayed = { replayed: 0, before: 0, homeless: 0, lost: 0, cut: 0 }
  readonly #broker: Broker
  readonly #producer: Producer
  readonly #marks: Marks
  readonly #topic: string
  readonly #options: ReplayOptions
  readonly #partitions = new Map<string, number>()
  readonly #began = performance.now()
  #waiting = 0

  constructor(broker: Broker, producer: Producer, marks: Marks, topic: string, options: ReplayOptions) {
    this.#broker = broker
    this.#producer = producer
    this.#marks = marks
    this.#topic = topic
    this.#options = options
  }

  /** Answers whether there may be more. */
  async take(letter: PlacedLetter): Promise<boolean> {
    const { to, intoStage = false, max = Number.POSITIVE_INFINITY, again = false } = this.#options
    if (!again && this.#marks.has(letter.at)) return this.#count('before')
    if (letter.cutFrom !== undefined) return this.#count('cut')
    const record = intoStage ? asGiven(letter) : asItWas(letter, to)
    if (record === undefined) return this.#count('homeless')
    const partitions = await this.#partitionsOf(record.topic)
    if (partitions === 0) return this.#count('lost')
    this.#append(letter, record, partitions)
    this.#count('replayed')
    if (++this.#waiting >= Math.min(recordsMax, this.#options.rate ?? recordsMax)) await this.commit()
    return this.done.replayed < max && this.#options.signal?.aborted !== true
  }

  async commit(): Promise<void> {
    if (this.#waiting === 0) return
    this.#waiting = 0
    this.#marks.write(this.#producer)
    await this.#producer.commit()
    const { rate, signal } = this.#options
    if (rate === undefined) return
    const early = (this.done.replayed / rate) * 1000 - (performance.now() - this.#began)
    if (early > 0) await wait(early, undefined, signal && { signal }).catch(() => {})
  }

  #append({ at }: PlacedLetter, { topic, key, value, timestamp, headers, own }: Written, partitions: number): void {
    const from = `${this.#topic}/${at.partition}/${at.offset}`
    const marked: Headers = [...headers.filter(([name]) => name !== replayedHeader), [replayedHeader, Buffer.from(from)]]
    const known = own !== undefined && own >= 0 && own < partitions ? own : undefined
    const partition = known ?? (key === null ? at.offset % partitions : partitionOf(key, partitions))
    this.#producer.partition({ topic, partition }).append(timestamp, key, value, marked)
    this.#marks.add(at)
  }

  async #partitionsOf(topic: string): Promise<number> {
    const known = this.#partitions.get(topic) ?? (await this.#broker.admin.partitions([topic])).get(topic) ?? 0
    this.#partitions.set(topic, known)
    return known
  }

  #count(what: keyof Replayed): true {
    this.done = { ...this.done, [what]: this.done[what] + 1 }
    return true
  }
}
