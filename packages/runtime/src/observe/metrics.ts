import type { State } from '../lifecycle.ts'

/** What an application can tell of itself at any time. */
export interface AppMetrics {
  readonly state: State
  readonly recordsIn: number
  readonly recordsOut: number
  readonly deadLetters: number
  readonly deadLettersByTopic: Readonly<Record<string, number>>
  /** Records dropped, by reason. */
  readonly dropped: Readonly<Record<string, number>>
  readonly commits: number
  readonly commitSeconds: number
  /** Times that a task went back to its last commit. */
  readonly recoveries: number
  /** Records inside asynchronous stages. */
  readonly held: number
  readonly bufferedBytes: number
  /** What is left to read: of topics records, of connectors what they count in. */
  readonly lag: readonly { readonly topic: string; readonly partition: number; readonly records: number }[]
  /** Records that entered a source or left through a sink, by label. */
  readonly nodes: Readonly<Record<string, number>>
}
