import { systemClock } from '../contract/clock.ts'
import type { Store } from '../contract/store.ts'
import type { Emit, Failure, Held, Origin, Position, Punctuator, StoreSpec, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'

/** Records after which stores forget what an abort would need: nothing is ever aborted here. */
const recordsPerCommit = 1000

interface Punctuation {
  due: number
  readonly interval: number
  readonly call: Punctuator
}

/** To the next time in step that is later than `time`. */
function moveOn(each: Punctuation, time: number): void {
  each.due += (Math.floor((time - each.due) / each.interval) + 1) * each.interval
}

/** A timer of Node cannot wait for longer. */
const longestTimer = 2 ** 31 - 1

/** The task of an operator that runs on a plain Observable: stores in memory, the wall clock, no topics. */
export class PlainTask implements Task {
  readonly id = 'plain'
  readonly partition = 0
  streamTime = -1
  readonly #stores = new Map<string, Store>()
  readonly #stages: Held[] = []
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #streamPunctuators = new Set<Punctuation>()
  readonly #error: (error: unknown) => void
  #closed = false
  #records = 0

  constructor(error: (error: unknown) => void) {
    this.#error = error
  }

  /** Before each record: moves stream time. */
  taking(record: unknown): void {
    const timestamp = (record as { timestamp?: number } | null)?.timestamp
    if (typeof timestamp === 'number' && timestamp > this.streamTime) this.streamTime = timestamp
  }

  /** After each record: calls what is due by stream time; missed periods collapse to one call. */
  punctuate(): void {
    for (const each of [...this.#streamPunctuators].sort((a, b) => a.due - b.due)) {
      if (each.due > this.streamTime || !this.#streamPunctuators.has(each)) continue
      moveOn(each, this.streamTime)
      each.call(this.streamTime)
    }
    if (++this.#records % recordsPerCommit === 0) this.#commit()
  }

  /** Stores hand on what they hold back, let go of what expired, and forget what was before. */
  #commit(): void {
    for (const store of this.#stores.values()) {
      if ((store.pending ?? 0) > 0) store.flush!()
      store.committed()
    }
  }

  /** Resolves when no stage holds anything and what they had opened is closed; rejects when it cannot be closed. */
  async finish(): Promise<void> {
    this.#commit()
    while (!this.#closed && this.#stages.some(stage => stage.size > 0)) {
      for (const stage of this.#stages) {
        stage.flush()
        await stage.progress()
      }
    }
    if (!this.#closed) for (const stage of this.#stages) await stage.close()
  }

  close(): void {
    this.#closed = true
    // Nobody is left to be told that a sink could not be closed.
    for (const stage of this.#stages) stage.close().catch(() => {})
    for (const timer of this.#timers) clearTimeout(timer)
  }

  store<S extends Store>(spec: StoreSpec<S>): S {
    const found = this.#stores.get(spec.name) ?? spec.create({ log: () => {}, drop: () => {} })
    this.#stores.set(spec.name, found)
    return found as S
  }

  global(): never {
    throw new RiachoError('RIACHO_PLAN_ONLY', 'a global table can be read only by a running topology: use this operator on a Stream')
  }

  sender(): never {
    throw new RiachoError(
      'RIACHO_PLAN_ONLY',
      'a topic can be written only by a running topology: use this operator on a Stream, or subscribe to the Observable instead',
    )
  }

  deadLetter(topic: string, failure: Failure): never {
    throw new RiachoError(
      'RIACHO_DEAD_LETTER',
      `'${failure.node}' has a dead letter for '${topic}', which exists in plans only: ${failure.reason}`,
    )
  }

  drop(): void {}

  hold(stage: Held): void {
    this.#stages.push(stage)
  }

  resume<T>(_at: Position | null, out: Emit<T>, record: T): void {
    try {
      out(record)
    } catch (error) {
      this.fail(error)
    }
  }

  onBehalf<T>(_of: Position | null, out: Emit<T>, record: T): void {
    out(record)
  }

  fail(error: unknown): void {
    this.#error(error)
  }

  schedule(interval: number, clock: 'stream' | 'wall', call: Punctuator, anchor?: number): () => void {
    const now = clock === 'stream' ? this.streamTime : Date.now()
    const each = { due: anchor ?? (clock === 'stream' ? 0 : now + interval), interval, call }
    if (anchor !== undefined && anchor < now) moveOn(each, now)
    if (clock === 'wall') return this.#onTimer(each)
    this.#streamPunctuators.add(each)
    return () => this.#streamPunctuators.delete(each)
  }

  #onTimer(each: Punctuation): () => void {
    let timer: NodeJS.Timeout | undefined
    const wait = (): void => {
      if (timer !== undefined) this.#timers.delete(timer)
      timer = setTimeout(look, Math.min(Math.max(1, each.due - Date.now()), longestTimer))
      this.#timers.add(timer)
    }
    const look = (): void => {
      const now = Date.now()
      const due = now >= each.due
      if (due) moveOn(each, now)
      wait()
      if (due) this.resume(null, each.call, now)
    }
    wait()
    return () => clearTimeout(timer)
  }

  streamTimeOf(): { time: number } {
    return { time: -1 }
  }

  committedTimeOf(): { time: number } {
    return { time: -1 }
  }

  now(): number {
    return Date.now()
  }

  sleep(duration: number, signal: AbortSignal): Promise<void> {
    return systemClock.sleep(duration, signal)
  }

  position(): Position | null {
    return null
  }

  origin(): Origin | null {
    return null
  }
}
