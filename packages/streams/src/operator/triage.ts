import { Observable, type OperatorFunction, Subject, type Subscriber, takeUntil } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import { RiachoError } from '../errors.ts'
import { PlainTask } from '../plain/task.ts'
import { type ErrorOption, failed } from '../plan/failure.ts'
import { isStream, type KStream } from '../stream.ts'
import { ports } from './branch.ts'
import { mergeStreams } from './merge.ts'

type Route<K, V> = OperatorFunction<StreamRecord<K, V>, unknown>
type Out<R> = R extends OperatorFunction<never, infer O> ? O : never

/**
 * Routes each record through the operator of its route and merges what comes out. The selector is called once per record; a missing route is a compile error, and
 * a record whose route does not exist at run time is `RIACHO_NO_ROUTE` under `onError` (default 'fail'), unless there is an `otherwise`.
 *
 * @example
 * events.pipe(triage(event => event.client, { Client_A: persist(queueA), Client_B: persist(queueB) }))
 */
export function triage<K, V, const C extends string, const R extends { readonly [P in C]: OperatorFunction<StreamRecord<K, V>, unknown> }>(
  by: (value: V, record: StreamRecord<K, V>) => C,
  routes: R & { readonly otherwise?: OperatorFunction<StreamRecord<K, V>, unknown> },
  options: ErrorOption = {},
): OperatorFunction<StreamRecord<K, V>, Out<R[keyof R]>> {
  const table = new Map<string, Route<K, V>>(Object.entries(routes))
  const routeOf = (record: StreamRecord<K, V>): string => {
    const route: string = by(record.value, record)
    if (table.has(route)) return route
    if (table.has('otherwise')) return 'otherwise'
    throw new RiachoError('RIACHO_NO_ROUTE', `triage has no route '${String(route)}': add it, an 'otherwise', or an onError`)
  }
  return source =>
    isStream(source)
      ? (drawn(source as unknown as KStream<K, V>, table, routeOf, options) as unknown as Observable<Out<R[keyof R]>>)
      : plain(source, table, routeOf, options)
}

function drawn<K, V>(
  stream: KStream<K, V>,
  table: ReadonlyMap<string, Route<K, V>>,
  routeOf: (record: StreamRecord<K, V>) => string,
  options: ErrorOption,
): Observable<unknown> {
  const outputs = ports('triage', stream, [...table.keys()], routeOf, options)
  const ends = [...table].map(([name, route]) => {
    const end = route(outputs[name]!)
    if (!isStream(end))
      throw new RiachoError('RIACHO_NOT_A_PLAN', `the route '${name}' returned something that is not a Stream: use Riacho's operators`)
    return end
  })
  return mergeStreams(ends, 'triage:merge')
}

function plain<K, V, O>(
  source: Observable<StreamRecord<K, V>>,
  table: ReadonlyMap<string, Route<K, V>>,
  routeOf: (record: StreamRecord<K, V>) => string,
  options: ErrorOption,
): Observable<O> {
  return new Observable<O>(subscriber => {
    const fail = failed(new PlainTask(error => subscriber.error(error)), 'triage', options.onError)
    const subjects = new Map([...table.keys()].map(name => [name, new Subject<StreamRecord<K, V>>()]))
    let left = subjects.size
    // A source that emits while it is subscribed to has handed out no subscription yet by which it could be stopped.
    const over = new Subject<void>()
    subscriber.add(() => over.next())
    for (const [name, route] of table) {
      subscriber.add(
        route(subjects.get(name)!).subscribe({
          next: value => subscriber.next(value as O),
          error: error => subscriber.error(error),
          complete: () => {
            if (--left === 0) subscriber.complete()
          },
        }),
      )
    }
    subscriber.add(
      source.pipe(takeUntil(over)).subscribe({
        next: record => {
          let subject: Subject<StreamRecord<K, V>>
          try {
            subject = subjects.get(routeOf(record))!
          } catch (thrown) {
            return stopping(subscriber, () => fail(thrown))
          }
          stopping(subscriber, () => subject.next(record))
        },
        error: error => subscriber.error(error),
        complete: () => {
          for (const subject of subjects.values()) subject.complete()
        },
      }),
    )
  })
}

function stopping(subscriber: Subscriber<unknown>, run: () => void): void {
  try {
    run()
  } catch (error) {
    subscriber.error(error)
  }
}
