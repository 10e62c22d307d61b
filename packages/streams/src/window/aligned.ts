import type { Asked } from '../contract/node.ts'
import type { Change, StreamRecord, Windowed } from '../contract/record.ts'
import type { WindowStore } from '../contract/store.ts'
import type { Emit, StoreSpec, Task } from '../contract/task.ts'
import { failed } from '../plan/failure.ts'
import { windowStore } from '../store/window.ts'
import { windowedKey } from '../wire/windowed-key.ts'
import { emitWindows, type FinalResults, finalResults } from './emit-final.ts'
import type { Folding, WindowKind } from './kind.ts'
import type { AlignedWindows } from './windows.ts'

/** Tumbling and hopping windows. */
export const aligned: WindowKind<AlignedWindows> = {
  store: (name, serdes, { retention }) => windowStore(name, { ...serdes, retention }),
  key: (inner, { size }) => windowedKey(inner, size),
  open: (task, out, asked, spec, windows, fold) =>
    aggregateByWindow(task, out, asked, spec as StoreSpec<WindowStore<never, never>>, windows, fold as never) as never,
  view: store => {
    const rows = store as WindowStore<unknown, unknown>
    return { get: ({ key, start }) => rows.get(key, start) }
  },
}

/**
 * Aggregates by key and window (Kafka Streams: `KStreamWindowAggregate`): null keys are dropped, null values are not; a record updates each window it is in,
 * oldest first, whose end + grace lies after the operator's stream time, and is dropped as late for each of the others. With `emit: 'onClose'` results are handed on
 * when their window has closed.
 */
function aggregateByWindow<K, V, R>(
  task: Task,
  out: Emit<Change<Windowed<K>, R>>,
  asked: Asked,
  spec: StoreSpec<WindowStore<K, R>>,
  windows: AlignedWindows,
  fold: Folding<K, V, R>,
): Emit<StreamRecord<K, V>> {
  const store = task.store(spec)
  const clock = task.streamTimeOf(fold.label)
  const fail = failed(task, fold.label, fold.options.onError)
  const finals = finalResults(task, spec.name, fold.options)
  const { size, advance, grace } = windows
  return record => {
    const { key, timestamp: at } = record
    if (key === null) return task.drop('null-key')
    if (at > clock.time) clock.time = at
    const close = clock.time - grace
    for (let start = firstStart(windows, at); start <= at; start += advance) {
      if (start + size <= close) {
        task.drop('late')
        continue
      }
      const row = store.get(key, start)
      let old: R | null
      let sum: R | null
      try {
        old = row === undefined ? fold.init() : row.value
        sum = fold.add(record.value, old, record) ?? null
      } catch (thrown) {
        return fail(thrown)
      }
      const timestamp = row !== undefined && row.timestamp > at ? row.timestamp : at
      store.put(key, start, sum, sum === null ? at : timestamp)
      if (finals !== undefined) continue
      out({
        key: { key, start, end: start + size },
        value: sum,
        previous: asked.previous ? old : undefined,
        timestamp,
        headers: record.headers,
        latest: true,
      })
    }
    if (finals?.due(close)) emitClosed(finals, close, store, windows, record, asked, out)
  }
}

/** The start of the first window that a time is in. */
function firstStart({ size, advance }: AlignedWindows, at: number): number {
  const first = at - size + advance
  return first <= 0 ? 0 : first - (first % advance)
}

/** Hands on the results of the windows that have closed since the last ones, unless no window can have. */
function emitClosed<K, R>(
  finals: FinalResults,
  close: number,
  store: WindowStore<K, R>,
  windows: AlignedWindows,
  record: StreamRecord<K, unknown>,
  asked: Asked,
  out: Emit<Change<Windowed<K>, R>>,
): void {
  const { size, advance } = windows
  const to = close - size
  if (to < 0) return
  const first = finals.last === -1
  const before = Math.max(0, finals.last - size)
  if (!first && firstStart(windows, to) === firstStart(windows, before) && Math.floor(to / advance) === Math.floor(before / advance)) return
  emitWindows(store, { from: first ? 0 : before + 1, to, size }, record, asked, out)
  finals.emitted(close)
}
