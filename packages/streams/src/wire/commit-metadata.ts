import { readLong, writeLong } from './long.ts'

/** What the metadata of a committed offset holds (Kafka Streams: `TopicPartitionMetadata`): the partition's time and times by name. */
export interface CommitMetadata {
  readonly partitionTime: number
  readonly times: ReadonlyMap<string, number>
}

/** The broker's default limit of the metadata string. */
export const metadataCharactersMax = 4096

/** Base64 of: 2, partition time (8 bytes), and if there are any, count (4) of {length (4), name, time (8)}. */
export function encodeCommitMetadata(partitionTime: number, times: ReadonlyMap<string, number>): string {
  const names = [...times.keys()].map(name => Buffer.from(name))
  const out = Buffer.alloc(9 + (names.length === 0 ? 0 : 4 + names.reduce((sum, name) => sum + 12 + name.length, 0)))
  out[0] = 2
  writeLong(out, partitionTime, 1)
  if (names.length === 0) return out.toString('base64')
  let at = out.writeInt32BE(names.length, 9)
  let i = 0
  for (const time of times.values()) {
    const name = names[i++]!
    at = out.writeInt32BE(name.length, at)
    at += name.copy(out, at)
    writeLong(out, time, at)
    at += 8
  }
  return out.toString('base64')
}

/** Reads a metadata string; one that is not ours, or of another version, says nothing: partition time -1. */
export function decodeCommitMetadata(metadata: string | undefined): CommitMetadata {
  const raw = Buffer.from(metadata ?? '', 'base64')
  const times = new Map<string, number>()
  if (raw.length < 9 || (raw[0] !== 1 && raw[0] !== 2)) return { partitionTime: -1, times }
  const partitionTime = readLong(raw, 1)
  let left = raw[0] === 2 && raw.length >= 13 ? raw.readInt32BE(9) : 0
  for (let at = 13; left > 0 && at + 4 <= raw.length; left--) {
    const size = raw.readInt32BE(at)
    if (size < 0 || at + 12 + size > raw.length) break
    times.set(raw.toString('utf8', at + 4, at + 4 + size), readLong(raw, at + 4 + size))
    at += 12 + size
  }
  return { partitionTime, times }
}
