import { protocolAPIsById } from '@platformatic/kafka'
import { failureAt, KafkaError } from '../errors.ts'
import type { Request } from '../transport/connection.ts'
import { Walk } from '../transport/walk.ts'

/** The oldest and the newest version of a request that a broker knows. */
export type VersionRange = readonly [oldest: number, newest: number]

/** What a broker can do. */
export interface Features {
  /** Its versions of each request, by Kafka's number of the request. */
  readonly versions: ReadonlyMap<number, VersionRange>
  /** Levels that the whole cluster has agreed on, such as `transaction.version`. */
  readonly finalized: ReadonlyMap<string, number>
}

/**
 * Versions of a request that are written and read alike, by its number: what differs is which errors a broker may answer, or tagged fields, which are passed over. A request
 * is sent in the newest of its row that the broker knows. Where a row begins Kafka 3.5 is, or an older one; the second rows are those of transactions of version 2.
 */
export const alike: readonly (readonly [key: number, oldest: number, newest: number])[] = [
  [0, 9, 11], // Produce
  [0, 12, 12],
  [1, 15, 17], // Fetch
  [2, 7, 9], // ListOffsets
  [8, 8, 9], // OffsetCommit
  [10, 4, 6], // FindCoordinator
  [22, 4, 5], // InitProducerId
  [25, 3, 4], // AddOffsetsToTxn
  [26, 3, 4], // EndTxn
  [26, 5, 5],
  [28, 3, 4], // TxnOffsetCommit
  [28, 5, 5],
]

/** The version in which to send a request that is written as `version`. Throws UNSUPPORTED_VERSION. */
export function versionFor({ versions }: Features, key: number, version: number, address: string): number {
  const newest = alike.find(([of, from, to]) => of === key && from <= version && version <= to)?.[2] ?? version
  const range = versions.get(key)
  if (range !== undefined && range[1] >= version && range[0] <= newest) return Math.min(newest, range[1])
  const theirs = range === undefined ? 'does not know it' : `knows it in versions ${range[0]} to ${range[1]}`
  const name = (protocolAPIsById as Readonly<Record<number, string>>)[key] ?? `request ${key}`
  throw new KafkaError(
    'UNSUPPORTED_VERSION',
    `${address}: ${name} is sent in versions ${version} to ${newest}, and the broker ${theirs}: the client needs brokers of Kafka 3.5 or later, up to 4.3`,
  )
}

/** The requests of the client as they are written, without those that only some clusters are sent. */
const requests: readonly (readonly [key: number, version: number])[] = [
  [0, 9], // Produce
  [1, 15], // Fetch
  [2, 7], // ListOffsets
  [3, 12], // Metadata
  [8, 8], // OffsetCommit
  [9, 8], // OffsetFetch
  [10, 4], // FindCoordinator
  [11, 9], // JoinGroup
  [12, 4], // Heartbeat
  [13, 5], // LeaveGroup
  [14, 5], // SyncGroup
  [19, 7], // CreateTopics
  [21, 2], // DeleteRecords
  [22, 4], // InitProducerId
  [24, 3], // AddPartitionsToTxn
  [25, 3], // AddOffsetsToTxn
  [26, 3], // EndTxn
  [28, 3], // TxnOffsetCommit
  [32, 4], // DescribeConfigs
]

/** Throws UNSUPPORTED_VERSION when there is something that the client sends and the broker does not know: at once, not when it is needed. */
export function checkBroker(features: Features, address: string): void {
  for (const [key, version] of requests) versionFor(features, key, version, address)
}

const finalizedTag = 2
const unsupportedVersion = 35

/** Asks a broker what it can do. Its answer alone has no tags in its header, whatever its version. */
export function featuresRequest(): Request<Features> {
  const name = Buffer.from('riacho')
  const text = Buffer.concat([Buffer.from([name.length + 1]), name])
  const tags = { request: true, answer: false }
  return { key: 18, version: 3, body: [text, Buffer.from([2, 0x31, 0])], tags, parse }
}

function parse(frame: Buffer): Features {
  const walk = new Walk(frame)
  const errorCode = walk.int16()
  if (errorCode === unsupportedVersion)
    throw new KafkaError('UNSUPPORTED_VERSION', 'the broker is too old to say which versions it knows: the client needs Kafka 3.5 or later')
  if (errorCode !== 0) throw failureAt(errorCode)
  const versions = walk.list(() => [walk.int16(), [walk.int16(), walk.int16()]] as const)
  walk.int32() // how long the broker asks to be left alone
  let finalized: (readonly [string, number])[] = []
  for (let left = walk.varint(); left > 0; left--) {
    const tag = walk.varint()
    const end = walk.varint() + walk.at
    if (tag === finalizedTag)
      finalized = walk.list(() => {
        const feature = walk.text()
        const level = walk.int16()
        walk.int16()
        return [feature, level] as const
      })
    walk.at = end
  }
  return { versions: new Map(versions), finalized: new Map(finalized) }
}
