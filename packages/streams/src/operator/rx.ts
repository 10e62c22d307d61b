import { Observable, type OperatorFunction, Subject } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import type { Emit } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { operator, revaluing } from '../plan/operator.ts'

/**
 * Any rxjs operator as a guest in a plan: synchronous, without memory, key kept. It is subscribed once per task. A changed key is `RIACHO_RX_KEY`, a late emission
 * `RIACHO_RX_ASYNC`, completion `RIACHO_RX_COMPLETE`; each stops the task. What keeps memory would lose it at a restart: use Riacho's own verbs for that.
 *
 * @example
 * orders.pipe(rx(rxMap(record => ({ ...record, value: record.value.cents }))))
 */
export function rx<K, V, R>(guest: OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>>): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>> {
  return operator(
    parent => ({ ...revaluing('rx')(parent), kind: 'rx' }),
    (task, out) => hosted(guest, out, error => task.fail(error)),
  )
}

function hosted<K, V, R>(guest: OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>>, out: Emit<StreamRecord<K, R>>, fail: (error: unknown) => void): Emit<StreamRecord<K, V>> {
  const input = new Subject<StreamRecord<K, V>>()
  let inside = false
  let made: StreamRecord<K, R>[] = []
  let broken: unknown
  const stop = (error: unknown): void => {
    broken ??= error
    if (!inside) fail(error)
  }
  guest(new Observable<StreamRecord<K, V>>(subscriber => input.subscribe(subscriber))).subscribe({
    next: record => {
      if (inside) made.push(record)
      else stop(new RiachoError('RIACHO_RX_ASYNC', 'rx: the operator emitted after its input had been processed: use mapAsync for asynchronous work'))
    },
    error: stop,
    complete: () => stop(new RiachoError('RIACHO_RX_COMPLETE', 'rx: the operator completed the stream, which never ends: filter instead of take')),
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
