import { isDeepStrictEqual } from 'node:util'
import { Observable, type OperatorFunction, Subject } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import type { Emit } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { failureOf } from '../plan/failure.ts'
import { operator, revaluing } from '../plan/operator.ts'

/**
 * Any rxjs operator as a guest in a plan: synchronous, without memory, key kept. It is subscribed once per task. A changed key is `RIACHO_RX_KEY`, a late emission
 * `RIACHO_RX_ASYNC`, completion `RIACHO_RX_COMPLETE`; each stops the task. What keeps memory would lose it at a restart: use Riacho's own verbs for that.
 *
 * @example
 * orders.pipe(rx(rxMap(record => ({ ...record, value: record.value.cents }))))
 */
export function rx<K, V, R>(
  guest: OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>>,
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>> {
  return operator(
    parent => ({ ...revaluing('rx')(parent), kind: 'rx' }),
    (task, out, asked) => {
      const host: Host = {
        fail: error => task.fail(error),
        refused: thrown => failureOf(task, 'rx', thrown, 'mend the operator, or filter such records before it'),
      }
      return asked.strict ? withoutMemory(guest, out, host) : hosted(guest, out, host)
    },
  )
}

/** What a guest's errors become. */
interface Host {
  /** Stops the task: for what happens while no record is processed. */
  fail(error: unknown): void
  /** The error of the guest itself, with the place of the record. */
  refused(thrown: unknown): RiachoError
}

/** Runs each record through the guest that is kept and through a fresh one: where they differ, the guest remembers something. */
function withoutMemory<K, V, R>(
  guest: OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>>,
  out: Emit<StreamRecord<K, R>>,
  host: Host,
): Emit<StreamRecord<K, V>> {
  const kept: StreamRecord<K, R>[] = []
  const keeper = hosted(guest, record => kept.push(record), host)
  return record => {
    kept.length = 0
    const fresh: StreamRecord<K, R>[] = []
    keeper(record)
    hosted<K, V, R>(guest, made => fresh.push(made), host)(record)
    if (!isDeepStrictEqual(kept, fresh)) {
      throw new RiachoError(
        'RIACHO_RX_MEMORY',
        "rx: the operator answers otherwise when it is new, so it keeps memory that a restart would lose: use Riacho's own operator of that kind",
      )
    }
    for (const made of [...kept]) out(made)
  }
}

function hosted<K, V, R>(
  guest: OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>>,
  out: Emit<StreamRecord<K, R>>,
  host: Host,
): Emit<StreamRecord<K, V>> {
  const input = new Subject<StreamRecord<K, V>>()
  let inside = false
  let made: StreamRecord<K, R>[] = []
  let broken: unknown
  const stop = (error: unknown): void => {
    broken ??= error
    if (!inside) host.fail(error)
  }
  guest(new Observable<StreamRecord<K, V>>(subscriber => input.subscribe(subscriber))).subscribe({
    next: record => {
      if (inside) made.push(record)
      else
        stop(
          new RiachoError(
            'RIACHO_RX_ASYNC',
            'rx: the operator emitted after its input had been processed: use mapAsync for asynchronous work',
          ),
        )
    },
    error: thrown => stop(host.refused(thrown)),
    complete: () =>
      stop(new RiachoError('RIACHO_RX_COMPLETE', 'rx: the operator completed the stream, which never ends: filter instead of take')),
  })
  return record => {
    inside = true
    input.next(record)
    inside = false
    const all = made
    made = []
    if (broken !== undefined) throw broken
    for (const each of all) {
      if (each.key !== record.key) throw new RiachoError('RIACHO_RX_KEY', 'rx: the operator changed the key: use selectKey, rekey or map')
      out(each)
    }
  }
}
