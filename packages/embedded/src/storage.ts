import type { TopicSpec } from '@riacho/streams/engine'
import type { Frames } from './frames.ts'
import { type Journal, noJournal } from './journal.ts'
import { GroupOffsets } from './offsets.ts'
import { MemorySegments } from './segment.ts'
import { Topics } from './topics.ts'

/** Where a broker keeps what it has: in memory, or in a directory. */
export interface Storage {
  readonly topics: Topics
  readonly offsets: GroupOffsets
  readonly journal: Journal
  /** Above every producer id that was ever used. */
  readonly nextProducerId: number
  /** Adds a topic that does not exist. */
  create(topic: TopicSpec): void
  /** Looks for what another process has written; does nothing in a storage that is written here. */
  refresh(): void
  close(): void
}

/** A storage that ends with the process. */
export function memoryStorage(frames: Frames): Storage {
  const segments = new MemorySegments(frames)
  const topics = new Topics(() => segments)
  return {
    topics,
    offsets: new GroupOffsets(),
    journal: noJournal,
    nextProducerId: 1,
    create: topic => void topics.add(topic),
    refresh: () => {},
    close: () => {},
  }
}
