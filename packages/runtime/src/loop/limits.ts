import { encodeCommitMetadata, metadataCharactersMax, RiachoError, type Topology } from '@riacho/streams/engine'
import type { Settings } from '../options.ts'
import { startsMark } from '../task/crash-guard.ts'

/** Holds a plan against its settings before anything runs. Warns of retries that no commit waits for; throws `RIACHO_OPTION` when stream times do not fit a commit. */
export function checkLimits(plan: Topology, settings: Settings): void {
  warnOfRetries(plan, settings)
  if (settings.keepStreamTime) checkMetadata(plan)
}

function warnOfRetries(plan: Topology, { exactlyOnce, limits, log }: Settings): void {
  const wait = exactlyOnce ? Math.min(limits.commitDrainMs, limits.transactionTimeoutMs / 3) : limits.commitDrainMs
  for (const { label, async } of plan.nodes) {
    if (async === undefined || async.retryMs <= wait) continue
    const message = `'${label}' may pause ${async.retryMs} ms between its tries, and a commit waits ${wait} ms for it: lower its backoff, or raise limits.commitDrainMs`
    log({ level: 'warn', message })
  }
}

/** The stream times of a part's operators travel in the metadata of one offset. */
function checkMetadata(plan: Topology): void {
  for (const part of plan.subTopologies) {
    const timed = part.nodes.filter(node => node.timed === true).map(node => [node.label, 0] as const)
    const characters = encodeCommitMetadata(0, new Map([...timed, [startsMark, 0]])).length
    if (characters <= metadataCharactersMax) continue
    throw new RiachoError(
      'RIACHO_OPTION',
      `keepStreamTime needs ${characters} characters of commit metadata, and the broker takes ${metadataCharactersMax}: shorten the names of windowed operators`,
    )
  }
}
