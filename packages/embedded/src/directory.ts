import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, encodeMarker, type TopicSpec } from '@riacho/streams/engine'
import { compact } from './compact.ts'
import { writeFailed } from './errors.ts'
import { directoryMode } from './file.ts'
import { FileJournal } from './file-journal.ts'
import { FileSegments } from './file-segment.ts'
import type { Frames } from './frames.ts'
import type { JournalEntry } from './journal.ts'
import { lockDirectory } from './lock.ts'
import type { PartitionLog } from './log.ts'
import { GroupOffsets } from './offsets.ts'
import { follow, recover } from './recover.ts'
import type { Storage } from './storage.ts'
import { Topics } from './topics.ts'

/** How a directory is opened. */
export interface DirectorySettings {
  readonly directory: string
  readonly readOnly: boolean
  readonly clock: Clock
  /** Size at which a partition goes on in the next file. */
  readonly segmentBytesMax: number
  /** Compacted partitions from this size on are cleaned when the directory is opened. */
  readonly compactBytesMin: number
}

const journalBytesMax = 8 * 1024 * 1024

/** Opens a directory; unless it is read-only: locks it, cuts torn tails, ends what was open, and cleans compacted topics. */
export function openDirectory(settings: DirectorySettings, frames: Frames): Storage {
  const { directory, readOnly } = settings
  if (readOnly) return new DirectoryStorage(settings, frames, () => {})
  try {
    mkdirSync(directory, { recursive: true, mode: directoryMode })
  } catch (thrown) {
    throw writeFailed(directory, thrown)
  }
  const unlock = lockDirectory(directory)
  try {
    return new DirectoryStorage(settings, frames, unlock)
  } catch (thrown) {
    unlock()
    throw thrown
  }
}

type Decision = Extract<JournalEntry, { kind: 'decision' }>

class DirectoryStorage implements Storage {
  readonly topics: Topics
  readonly offsets = new GroupOffsets()
  readonly journal: FileJournal
  nextProducerId = 1
  readonly #settings: DirectorySettings
  readonly #unlock: () => void
  readonly #stores = new Map<PartitionLog, FileSegments>()
  readonly #frames: Frames

  constructor(settings: DirectorySettings, frames: Frames, unlock: () => void) {
    this.#settings = settings
    this.#frames = frames
    this.#unlock = unlock
    this.topics = new Topics(at => this.#segmentsOf(at.topic, at.partition))
    this.journal = new FileJournal(join(settings.directory, 'journal'), settings.readOnly, journalBytesMax, () => this.#snapshot())
    this.#load()
  }

  create(topic: TopicSpec): void {
    this.journal.append({ kind: 'topic', name: topic.name, partitions: topic.partitions, config: topic.config ?? {} })
    this.#add(topic)
  }

  refresh(): void {
    if (!this.#settings.readOnly) return
    const entries = this.journal.read()
    this.#apply(entries)
    for (const [log, store] of this.#stores) follow(log, store)
    this.#applyStarts(entries)
  }

  close(): void {
    for (const log of this.topics.logs()) log.close()
    this.journal.close()
    this.#unlock()
  }

  #load(): void {
    const entries = this.journal.read()
    this.#apply(entries)
    for (const [log, store] of this.#stores) {
      recover(log, store)
      this.nextProducerId = Math.max(this.nextProducerId, log.lastProducerId + 1)
    }
    this.#applyStarts(entries)
    if (this.#settings.readOnly) return
    this.#settle(entries.filter(entry => entry.kind === 'decision'))
    this.#clean()
    this.journal.replace()
  }

  /** Writes the markers that are missing: a transaction without a decision is aborted. */
  #settle(decisions: readonly Decision[]): void {
    const now = this.#settings.clock.now()
    for (const log of this.topics.logs()) {
      for (const [producerId, first] of [...log.open]) {
        const decided = (one: Decision): boolean =>
          one.producerId === producerId &&
          one.partitions.some(([topic, partition, end]) => topic === log.topic && partition === log.partition && first < end)
        const decision = decisions.findLast(decided)
        log.append(encodeMarker(decision === undefined ? 'abort' : 'commit', producerId, decision?.epoch ?? 0, now))
      }
    }
  }

  #clean(): void {
    const { clock, compactBytesMin } = this.#settings
    for (const topic of this.topics.specs()) {
      if (!topic.config?.['cleanup.policy']?.includes('compact')) continue
      const retention = Number(topic.config['delete.retention.ms'] ?? 86_400_000)
      const lag = Number(topic.config['min.compaction.lag.ms'] ?? 0)
      for (const [log, store] of this.#stores) {
        if (log.topic !== topic.name || log.bytes < compactBytesMin) continue
        const now = clock.now()
        compact(log, store, { deletesBefore: now - retention, keepsAfter: lag > 0 ? now - lag : Number.POSITIVE_INFINITY })
        const { start } = log
        log.forget()
        recover(log, store)
        log.deleteBefore(start)
      }
    }
  }

  #apply(entries: readonly JournalEntry[]): void {
    for (const entry of entries) {
      if (entry.kind === 'topic' && !this.topics.has(entry.name)) this.#add(entry)
      else if (entry.kind === 'offsets') this.offsets.apply(entry.group, entry.offsets)
      else if (entry.kind === 'decision') {
        for (const [group, offsets] of entry.offsets) this.offsets.apply(group, offsets)
        this.nextProducerId = Math.max(this.nextProducerId, entry.producerId + 1)
      }
    }
  }

  #applyStarts(entries: readonly JournalEntry[]): void {
    for (const entry of entries) if (entry.kind === 'start') this.topics.find(entry)?.deleteBefore(entry.offset)
  }

  #add({ name, partitions, config }: TopicSpec): void {
    for (const log of this.topics.add({ name, partitions, config: config ?? {} }))
      this.#stores.set(log, this.#segmentsOf(name, log.partition))
  }

  #segmentsOf(topic: string, partition: number): FileSegments {
    const { directory, segmentBytesMax, readOnly } = this.#settings
    return new FileSegments(join(directory, 'topics', topic, String(partition)), segmentBytesMax, readOnly, this.#frames)
  }

  #snapshot(): readonly JournalEntry[] {
    const topics = this.topics
      .specs()
      .map(({ name, partitions, config }) => ({ kind: 'topic', name, partitions, config: config ?? {} }) as const)
    const starts = this.topics.logs().filter(log => log.start > 0)
    return [
      ...topics,
      ...starts.map(({ topic, partition, start }) => ({ kind: 'start', topic, partition, offset: start }) as const),
      ...this.offsets.all().map(([group, offsets]) => ({ kind: 'offsets', group, offsets }) as const),
    ]
  }
}
