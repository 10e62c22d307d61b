import type { DropReason } from '@riacho/streams/engine'

/** Numbers of an application, counted by its tasks and read by whoever watches. */
export class Counters {
  recordsIn = 0
  recordsOut = 0
  deadLetters = 0
  commits = 0
  commitSeconds = 0
  /** Times that a task went back to its last commit. */
  recoveries = 0
  readonly dropped: Partial<Record<DropReason, number>> = {}
  readonly #nodes = new Map<string, { count: number }>()
  readonly deadLettersByTopic: Record<string, number> = {}

  /** The count of a node's records, to be held by who counts: nothing is looked up per record. */
  node(label: string): { count: number } {
    const found = this.#nodes.get(label) ?? { count: 0 }
    this.#nodes.set(label, found)
    return found
  }

  /** Records by node. */
  get nodes(): Readonly<Record<string, number>> {
    return Object.fromEntries(Array.from(this.#nodes, ([label, { count }]) => [label, count]))
  }

  drop(reason: DropReason): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + 1
  }
}
