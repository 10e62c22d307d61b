import type { Asked } from '../contract/node.ts'
import type { StreamRecord } from '../contract/record.ts'
import type { Emit, Failure, Held, Origin, Position, Task } from '../contract/task.ts'

/** Nobody downstream wishes for anything. */
export const unasked: Asked = {
  previous: false,
  kept: false,
  order: 'key',
  origins: false,
  view: () => {
    throw new Error('nobody wished for a view')
  },
}

/** A task for stages: its time moves when told, and it keeps what a stage does to it. */
export class FakeTask implements Task {
  readonly id = '0_0'
  readonly partition = 0
  readonly streamTime = -1
  readonly dropped: string[] = []
  readonly failures: unknown[] = []
  readonly told: string[] = []
  readonly deadLetters: (Failure & { readonly topic: string; readonly at: Position | Origin | null })[] = []
  /** Milliseconds that somebody sleeps, in order. */
  readonly sleeps: number[] = []
  stage!: Held
  #now = 0
  #offset = 0
  #resumed: Position | Origin | null = null
  #sleepers: { readonly until: number; readonly wake: () => void }[] = []

  /** Lets promises settle: real ones, without a timer. */
  async settle(): Promise<void> {
    for (let i = 0; i < 5; i++) await new Promise(resolve => setImmediate(resolve))
  }

  /** Moves time and lets what it wakes run. */
  async advance(milliseconds: number): Promise<void> {
    this.#now += milliseconds
    const due = this.#sleepers.filter(sleeper => sleeper.until <= this.#now)
    this.#sleepers = this.#sleepers.filter(sleeper => sleeper.until > this.#now)
    for (const { wake } of due) wake()
    await this.settle()
  }

  /** Feeds a stage one record after the other, each from the next offset. */
  feed<V>(input: Emit<StreamRecord<string | null, V>>, ...records: readonly (readonly [string | null, V])[]): void {
    for (const [key, value] of records) {
      this.#offset++
      input({ key, value, timestamp: 0, headers: [] })
    }
  }

  sleep(duration: number, signal: AbortSignal): Promise<void> {
    this.sleeps.push(duration)
    if (signal.aborted) return Promise.resolve()
    return new Promise(resolve => {
      this.#sleepers.push({ until: this.#now + duration, wake: resolve })
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  hold(stage: Held): void {
    this.stage = stage
  }

  resume<T>(at: Position | Origin | null, out: Emit<T>, record: T): void {
    this.#resumed = at
    out(record)
    this.#resumed = null
  }

  onBehalf<T>(_of: Position | null, out: Emit<T>, record: T): void {
    out(record)
  }

  fail(error: unknown): void {
    this.failures.push(error)
  }

  tell(message: string): void {
    this.told.push(message)
  }

  drop(reason: string): void {
    this.dropped.push(reason)
  }

  deadLetter(topic: string, failure: Failure): void {
    this.deadLetters.push({ ...failure, topic, at: this.#resumed })
  }

  position(): Position {
    return { topic: 'in', partition: 0, offset: this.#offset - 1 }
  }

  origin(): Origin {
    return { ...this.position(), timestamp: 0, key: null, value: null, headers: [] }
  }

  now(): number {
    return this.#now
  }

  committedTimeOf(): { time: number } {
    return { time: -1 }
  }

  streamTimeOf(): { time: number } {
    return { time: -1 }
  }

  store(): never {
    throw new Error('a stage has no stores')
  }

  global(): never {
    throw new Error('not for this test')
  }

  sender(): never {
    throw new Error('a stage writes no topics')
  }

  schedule(): never {
    throw new Error('a stage has no punctuators')
  }
}
