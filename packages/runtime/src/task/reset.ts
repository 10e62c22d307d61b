import { type OffsetReset, type PartitionOffsets, RiachoError } from '@riacho/streams/engine'

/**
 * Where to read a partition of which nothing is committed, or of which what comes next is gone (Kafka Streams: `StreamThread.resetOffsets`). Latest is the last stable offset, as
 * for every reader of committed records. Throws `RIACHO_OFFSET_RESET` when the policy is 'none'.
 */
export function resetPosition(policy: OffsetReset, ends: PartitionOffsets, gone?: number): number {
  if (policy === 'earliest') return ends.start
  if (policy === 'latest') return ends.lastStable
  const { topic, partition, start, highWatermark } = ends
  const why = gone === undefined ? 'nothing is committed' : `offset ${gone} is not there any more, or not yet`
  const message = `${why} of ${topic}-${partition}, which has offsets ${start} to ${highWatermark}, and its offsetReset is 'none': commit a position with Kafka's tools, or say 'earliest' or 'latest'`
  throw new RiachoError('RIACHO_OFFSET_RESET', message, { place: { topic, partition } })
}
