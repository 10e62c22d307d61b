import type { CommittedOffset } from '@riacho/streams/engine'

/** What a broker must know again after a restart, beside the logs. */
export type JournalEntry =
  | { readonly kind: 'topic'; readonly name: string; readonly partitions: number; readonly config: Readonly<Record<string, string>> }
  | { readonly kind: 'offsets'; readonly group: string; readonly offsets: readonly CommittedOffset[] }
  | { readonly kind: 'start'; readonly topic: string; readonly partition: number; readonly offset: number }
  /** A transaction is committed: `partitions` with the offset that their marker was due at, and the offsets of groups. */
  | {
      readonly kind: 'decision'
      readonly producerId: number
      readonly epoch: number
      readonly partitions: readonly (readonly [topic: string, partition: number, end: number])[]
      readonly offsets: readonly (readonly [group: string, offsets: readonly CommittedOffset[]])[]
    }

/** The order of decisions. */
export interface Journal {
  /** Keeps the entry. When it throws, the entry is not kept. */
  append(entry: JournalEntry): void
  /** Called when no decision waits for its markers: the journal may be replaced by a shorter one. */
  tidy(): void
  close(): void
}

/** The journal of a broker that keeps nothing. */
export const noJournal: Journal = { append: () => {}, tidy: () => {}, close: () => {} }
