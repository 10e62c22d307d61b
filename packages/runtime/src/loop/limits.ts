import { encodeCommitMetadata, metadataCharactersMax, RiachoError, type Topology } from '@riacho/streams/engine'
import type { Settings } from '../options.ts'
import { startsMark } from '../task/crash-guard.ts'
import { type EngineTask, streamTimeKey } from '../task/task.ts'

/** Holds a plan against its settings before anything runs: warns of retries that no commit waits for. */
export function checkLimits(plan: Topology, { exactlyOnce, limits, log }: Settings): void {
  const wait = exactlyOnce ? Math.min(limits.commitDrainMs, limits.transactionTimeoutMs / 3) : limits.commitDrainMs
  for (const { label, async } of plan.nodes) {
    if (async === undefined || async.retryMs <= wait) continue
    const message = `'${label}' may pause ${async.retryMs} ms between its tries, and a commit waits ${wait} ms for it: lower its backoff, or raise limits.commitDrainMs`
    log({ level: 'warn', message })
  }
}

/** The times of a task's operators travel in the metadata of its offsets. Throws `RIACHO_OPTION` when they do not fit, before the task takes anything. */
export function checkTimes(task: EngineTask, keepStreamTime: boolean): void {
  const names = [...task.committedTimes.keys(), ...(keepStreamTime ? Array.from(task.times.keys(), streamTimeKey) : [])]
  const characters = encodeCommitMetadata(0, new Map([...names, startsMark].map(name => [name, 0]))).length
  if (characters <= metadataCharactersMax) return
  const wayOut = keepStreamTime ? ', or leave keepStreamTime out' : ''
  throw new RiachoError(
    'RIACHO_OPTION',
    `task ${task.id} keeps ${names.length} times of operators in its commits: ${characters} characters of metadata, and the broker takes ${metadataCharactersMax}: shorten the names of windowed operators and joins${wayOut}`,
  )
}
