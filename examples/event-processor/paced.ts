import { setTimeout as sleep } from 'node:timers/promises'
import type { Source } from '@riacho/streams'

/** The same source, read at most at `rate` records a second: to watch, or to stop in the middle. */
export function paced<K, V>(source: Source<K, V>, rate: number): Source<K, V> {
  const atOnce = Math.max(1, Math.floor(rate / 20))
  return {
    ...source,
    open(partition, from) {
      const reader = source.open(partition, from)
      let next = 0
      return {
        async read(recordsMax, signal) {
          await sleep(Math.max(0, next - Date.now()), undefined, { signal }).catch(() => {})
          if (signal.aborted) return []
          const records = await reader.read(Math.min(recordsMax, atOnce), signal)
          next = Date.now() + (records.length / rate) * 1000
          return records
        },
        commit: upTo => reader.commit(upTo),
        lag: () => reader.lag(),
        close: () => reader.close(),
      }
    },
  }
}
