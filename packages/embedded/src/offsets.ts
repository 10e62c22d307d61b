import type { CommittedOffset, TopicPartition } from '@riacho/streams/engine'
import { nameOf } from './errors.ts'

/** Committed offsets by group and partition. */
export class GroupOffsets {
  readonly #groups = new Map<string, Map<string, CommittedOffset>>()

  apply(group: string, offsets: readonly CommittedOffset[]): void {
    const known = this.#groups.get(group) ?? new Map<string, CommittedOffset>()
    this.#groups.set(group, known)
    for (const offset of offsets) known.set(nameOf(offset), offset)
  }

  of(group: string, partitions: readonly TopicPartition[]): readonly CommittedOffset[] {
    const known = this.#groups.get(group)
    return partitions.flatMap(at => known?.get(nameOf(at)) ?? [])
  }

  /** Everything, for a snapshot. */
  all(): readonly (readonly [group: string, offsets: readonly CommittedOffset[]])[] {
    return [...this.#groups].map(([group, offsets]) => [group, [...offsets.values()]])
  }
}
