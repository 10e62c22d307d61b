import { readLong, writeLong } from './long.ts'

/** What the metadata of a committed offset holds (Kafka Streams: `TopicPartitionMetadata`): the partition's time and times by name. */
export interface CommitMetadata {
  readonly partitionTime: number
  readonly times: ReadonlyMap<string, number>
}

/** The broker's default limit of the metadata string. */
export const metadataCharactersMax = 4096

/** The hash of a string as a `HashMap` of Java spreads it. */
function javaHash(name: string): number {
  let hash = 0
  for (let i = 0; i < name.length; i++) hash = (Math.imul(31, hash) + name.charCodeAt(i)) | 0
  return hash ^ (hash >>> 16)
}

/** Names in the order in which a `HashMap` of Java lists them: Kafka Streams writes them so. */
function inJavaOrder(names: Iterable<string>): string[] {
  const listed = [...names]
  if (listed.length < 2) return listed
  let places = 16
  while (listed.length > places * 0.75) places *= 2
  const place = (name: string): number => javaHash(name) & (places - 1)
  return listed.sort((a, b) => place(a) - place(b))
}

/** Base64 of: 2, partition time (8 bytes), and if there are any, count (4) of {length (4), name, time (8)}. */
export function encodeCommitMetadata(partitionTime: number, times: ReadonlyMap<string, number>): string {
  const listed = inJavaOrder(times.keys())
  const names = listed.map(name => Buffer.from(name))
  const out = Buffer.alloc(9 + (names.length === 0 ? 0 : 4 + names.reduce((sum, name) => sum + 12 + name.length, 0)))
  out[0] = 2
  writeLong(out, partitionTime, 1)
  if (names.length === 0) return out.toString('base64')
  let at = out.writeInt32BE(names.length, 9)
  for (const [i, name] of names.entries()) {
    at = out.writeInt32BE(name.length, at)
    at += name.copy(out, at)
    writeLong(out, times.get(listed[i]!)!, at)
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
