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
  readonly nodes: Record<string, number> = {}
  readonly deadLettersByTopic: Record<string, number> = {}

  drop(reason: DropReason): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + 1
  }
}
