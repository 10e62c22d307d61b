import { Observable, Subject, takeUntil } from 'rxjs'
import type { Asked } from '../contract/node.ts'
import type { Emit, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { isStream } from '../stream.ts'
import { PlainTask } from './task.ts'

const asked: Asked = { previous: true, order: 'partition', origins: false }

/**
 * The second life: runs an operator at once over plain Observables. One subscription is one task with stores of its own; it completes when all inputs have
 * and asynchronous work is done; an error anywhere errors all; unsubscribing aborts asynchronous work and timers.
 */
export function runPlain<B>(
  sources: readonly Observable<never>[] | readonly Observable<unknown>[],
  open: (task: Task, out: Emit<B>, asked: Asked) => readonly Emit<never>[],
): Observable<B> {
  if (sources.some(isStream)) {
    throw new RiachoError('RIACHO_MIXED', 'Streams and plain Observables do not meet: make all inputs Streams, or none')
  }
  return new Observable<B>(subscriber => {
    const task = new PlainTask(error => subscriber.error(error))
    const inputs = open(task, record => subscriber.next(record), asked)
    let open_ = inputs.length
    const ended = (): void => {
      if (--open_ === 0)
        void task.finish().then(
          () => subscriber.complete(),
          error => subscriber.error(error),
        )
    }
    // A source that emits while it is subscribed to has handed out no subscription yet by which it could be stopped.
    const over = new Subject<void>()
    subscriber.add(() => {
      over.next()
      task.close()
    })
    sources.forEach((source, i) => {
      if (subscriber.closed) return
      const input = inputs[i]! as Emit<unknown>
      subscriber.add(
        (source as Observable<unknown>).pipe(takeUntil(over)).subscribe({
          next: record => {
            try {
              task.taking(record)
              input(record)
              task.punctuate()
            } catch (error) {
              subscriber.error(error)
            }
          },
          error: error => subscriber.error(error),
          complete: ended,
        }),
      )
    })
  })
}
