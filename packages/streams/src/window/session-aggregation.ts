import type { Asked } from '../contract/node.ts'
import { type Change, noHeaders, type StreamRecord, type Windowed } from '../contract/record.ts'
import type { SessionRow, SessionStore } from '../contract/store.ts'
import type { Emit, StoreSpec, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { failed } from '../plan/failure.ts'
import { sessionStore } from '../store/session.ts'
import { sessionKey } from '../wire/session-key.ts'
import { type FinalResults, finalResults } from './emit-final.ts'
import type { Folding, WindowKind } from './kind.ts'
import type { SessionWindows, Windows } from './windows.ts'

/** Checks that an aggregation of sessions knows how two become one. Throws `RIACHO_OPTION`. */
export function checkMerge(label: string, window: Windows | undefined, merge: unknown): void {
  if (window?.kind === 'session' && typeof merge !== 'function')
    throw new RiachoError('RIACHO_OPTION', `'${label}' aggregates sessions: give it { merge }, which makes one result of two`)
}

/** Sessions. */
export const sessions: WindowKind<SessionWindows> = {
  store: (name, serdes, { retention }) => sessionStore(name, { ...serdes, retention }),
  key: inner => sessionKey(inner),
  open: (task, out, asked, spec, windows, fold) =>
    aggregateBySession(task, out, asked, spec as StoreSpec<SessionStore<never, never>>, windows, fold as never) as never,
  view: store => {
    const rows = store as SessionStore<unknown, unknown>
    return {
      get: ({ key, start, end }) => {
        const value = rows.fetchSession(key, start, end)
        return value === undefined ? undefined : { value, timestamp: end }
      },
    }
  },
}

/**
 * Aggregates by key and session (Kafka Streams: `KStreamSessionWindowAggregate`): null keys are dropped, null values are not. A record and the sessions at most `gap`
 * away from it become one session: `init`, then `merge` with each of them, earliest end first, then `add`; each of them is deleted, and handed on as deleted, before
 * the new one is. A record is late when that session ended before the operator's stream time - gap - grace: so one that touches a live session is not.
 */
function aggregateBySession<K, V, R>(
  task: Task,
  out: Emit<Change<Windowed<K>, R>>,
  asked: Asked,
  spec: StoreSpec<SessionStore<K, R>>,
  windows: SessionWindows,
  fold: Folding<K, V, R>,
): Emit<StreamRecord<K, V>> {
  const store = task.store(spec)
  const clock = task.streamTimeOf(fold.label)
  const final = finalResults(task, spec.name, fold.options)
  const fail = failed(task, fold.label, fold.options.onError)
  const { gap, grace } = windows
  /** Hands on an update, whose time is the session's end. It has no headers: none of its records is its only one. */
  const update = (key: K, start: number, end: number, value: R | null, old: R | null): void => {
    if (final !== undefined) return
    const previous = asked.previous ? old : undefined
    out({ key: { key, start, end }, value, previous, timestamp: end, headers: noHeaders, latest: true })
  }
  const take = (record: StreamRecord<K, V>, found: readonly SessionRow<R>[], start: number, end: number): void => {
    const { key, timestamp: at } = record
    let sum: R | null
    try {
      sum = fold.init()
      for (const each of found) sum = fold.merge!(sum, each.value, key) ?? null
      sum = fold.add(record.value, sum, record) ?? null
    } catch (thrown) {
      fail(thrown)
      return
    }
    if (start < at || end > at) {
      for (const each of found) {
        store.remove(key, each.start, each.end, at)
        update(key, each.start, each.end, null, each.value)
      }
    }
    store.put(key, start, end, sum, at)
    update(key, start, end, sum, null)
  }
  return record => {
    const { key, timestamp: at } = record
    if (key === null) return task.drop('null-key')
    if (at > clock.time) clock.time = at
    const close = clock.time - grace - gap
    const found = store.findSessions(key, at - gap, at + gap)
    let start = at
    let end = at
    for (const each of found) {
      if (each.start < start) start = each.start
      if (each.end > end) end = each.end
    }
    if (end < close) task.drop('late')
    else take(record, found, start, end)
    if (final?.due(close)) emitSessions(store, final, close, record, asked, out)
  }
}

/** Hands on the sessions that ended before `close` and were not handed on yet. */
function emitSessions<K, R>(
  store: SessionStore<K, R>,
  final: FinalResults,
  close: number,
  { headers }: StreamRecord<K, unknown>,
  asked: Asked,
  out: Emit<Change<Windowed<K>, R>>,
): void {
  const from = Math.max(0, final.last)
  if (close - 1 < from) return
  const previous = asked.previous ? null : undefined
  for (const [key, { start, end, value }] of store.findEnded(from, close - 1))
    out({ key: { key, start, end }, value, previous, timestamp: end, headers, latest: true })
  final.emitted(close)
}
