import type { Settings } from '../options.ts'
import type { Input } from './input.ts'
import { InputOrder } from './priority-queue.ts'

/** Chooses which input of a task goes first: the one whose head has the lowest time, once no empty one is worth waiting for (Kafka Streams: `PartitionGroup`). */
export class InputChoice {
  readonly #settings: Pick<Settings, 'maxTaskIdleMs' | 'clock'>
  readonly #inputs: Input[] = []
  /** Of retry topics: whatever of theirs is due goes first, and nobody waits for them. */
  readonly #delayed: Input[] = []
  readonly #order = new InputOrder<Input>()
  readonly #queued = new Set<Input>()
  /** Those that are offered together, in the order in which their records came. */
  readonly #ready: Input[] = []
  /** Until when an empty input is waited for, once: forgotten when it has records again. For `maxTaskIdleMs`. */
  readonly #idleUntil = new Map<Input, number>()

  constructor(settings: Pick<Settings, 'maxTaskIdleMs' | 'clock'>) {
    this.#settings = settings
  }

  add(input: Input): void {
    ;(input.delayed ? this.#delayed : this.#inputs).push(input)
  }

  /** Whether an input need not be compared with others. */
  isAlone(input: Input): boolean {
    return this.#inputs.length === 1 && !input.delayed
  }

  /** The input whose head goes first, or undefined when there is none, or when an empty one should be waited for. `loading` is told of each input before it decodes. */
  next(loading: (input: Input) => void): Input | undefined {
    for (const input of this.#delayed) if (this.#isDue(input, loading)) return input
    if (this.#inputs.length === 1) {
      const [only] = this.#inputs
      return only!.empty || only!.waiting ? undefined : only
    }
    let waiting = false
    for (const input of this.#inputs) {
      if (this.#queued.has(input)) continue
      if (!input.empty) {
        loading(input)
        if (input.load()) {
          this.#queued.add(input)
          this.#idleUntil.delete(input)
          this.#ready.push(input)
          continue
        }
      }
      if (input.position < input.end) {
        waiting = true
        this.#idleUntil.delete(input)
      }
    }
    this.#offer()
    if (this.#order.size === 0 || this.#shouldWait(waiting)) return undefined
    return this.#order.poll()
  }

  #isDue(input: Input, loading: (input: Input) => void): boolean {
    if (input.empty) return false
    loading(input)
    return input.load() && input.dueAt <= this.#settings.clock.now()
  }

  #offer(): void {
    const ready = this.#ready
    if (ready.length > 1) ready.sort((a, b) => a.arrived - b.arrived)
    for (const input of ready) this.#order.offer(input)
    ready.length = 0
  }

  /** The chosen input has been taken from: its next head is compared anew. */
  taken(input: Input): void {
    this.#queued.delete(input)
  }

  #shouldWait(known: boolean): boolean {
    const { maxTaskIdleMs, clock } = this.#settings
    if (maxTaskIdleMs < 0 || this.#queued.size === this.#inputs.length) return false
    if (known) return true
    if (maxTaskIdleMs === 0) return false
    const now = clock.now()
    let wait = false
    for (const input of this.#inputs) {
      if (this.#queued.has(input)) continue
      const until = this.#idleUntil.get(input) ?? now + maxTaskIdleMs
      this.#idleUntil.set(input, until)
      if (now < until) wait = true
    }
    return wait
  }
}
