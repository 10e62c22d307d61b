import { type Clock, reasonOf, systemClock } from '@riacho/streams/engine'
import { type ConnectCluster, failuresOf } from './cluster.ts'

/** What a watch saw last. */
export interface ConnectorWatch {
  /** How many of a connector and its tasks have failed, by connector. */
  readonly failed: ReadonlyMap<string, number>
  /** What has failed and why, one line each; also that nobody answers. */
  readonly reasons: readonly string[]
  /** Ends it; resolves when nothing is asked any more. */
  stop(): Promise<void>
}

/** Looks at the connectors of a cluster again and again. Resolves after the first look, whatever that found. */
export async function watchConnectors(
  cluster: Pick<ConnectCluster, 'names' | 'status' | 'url'>,
  { everyMs = 5000, clock = systemClock }: { readonly everyMs?: number; readonly clock?: Clock } = {},
): Promise<ConnectorWatch> {
  const stopping = new AbortController()
  let failed: ReadonlyMap<string, number> = new Map()
  let reasons: readonly string[] = []
  const look = async (): Promise<void> => {
    try {
      const seen = new Map<string, number>()
      const lines: string[] = []
      for (const name of await cluster.names()) {
        const status = await cluster.status(name)
        if (status === undefined) continue
        const found = failuresOf(status)
        seen.set(name, found.length)
        lines.push(...found)
      }
      failed = seen
      reasons = lines
    } catch (thrown) {
      reasons = [`Kafka Connect at ${cluster.url} could not be looked at: ${reasonOf(thrown)}`]
    }
  }
  await look()
  const ended = (async () => {
    for (;;) {
      await clock.sleep(everyMs, stopping.signal)
      if (stopping.signal.aborted) return
      await look()
    }
  })()
  return {
    get failed() {
      return failed
    },
    get reasons() {
      return reasons
    },
    stop: async () => {
      stopping.abort()
      await ended
    },
  }
}
