import type { StreamRecord } from '../contract/record.ts'
import { FakeTask, unasked } from './fake-task.fixture.ts'
import type { AsyncOptions } from './options.ts'
import { stage } from './stage.ts'

/** What goes into a stage of the tests. */
export type In = StreamRecord<string | null, string>

/** A batch at work. */
export interface Flight {
  readonly values: readonly string[]
  /** `RetryCount` of each record. */
  readonly counts: readonly (string | undefined)[]
  readonly places: readonly (readonly [offset: number | undefined, nth: number])[]
  readonly signal: AbortSignal
  done(): Promise<void>
  fail(error: unknown): Promise<void>
}

/** A stage whose batches end when the test says so. Values are upper case on their way out. */
export function openStage(
  options: AsyncOptions & {
    readonly by?: 'key' | 'partition'
    readonly start?: () => Promise<void>
    readonly origins?: boolean
    readonly written?: boolean
  },
) {
  const task = new FakeTask()
  const flights: Flight[] = []
  const out: string[] = []
  const { by = 'key', start, origins = false, ...rest } = options
  const input = stage<In, string>(
    task,
    value => out.push(value),
    'slow',
    { ...unasked, order: by, origins },
    { batch: { recordsMax: 1, wait: 0 }, ...rest },
    {
      ...(start && { open: start }),
      ...(rest.written && { written: record => record.value.toUpperCase() }),
      run: (batch, signal, tried, places) =>
        new Promise((resolve, reject) => {
          const values = batch.map(record => record.value)
          const settle = (end: () => void) => () => {
            end()
            return task.settle()
          }
          flights.push({
            values,
            counts: tried.map(({ headers }) => headers.map(([name, raw]) => `${name}=${raw}`).join() || undefined),
            places: batch.map((_, i) => [places.position(i)?.offset, places.nth(i)]),
            signal,
            done: settle(() => resolve(values.map(value => value.toUpperCase()))),
            fail: error => settle(() => reject(error))(),
          })
        }),
    },
  )
  const feed = async (...records: readonly (readonly [string | null, string])[]) => {
    task.feed(input, ...records)
    await task.settle()
  }
  return { task, flights, out, feed, started: () => flights.map(flight => flight.values.join('')) }
}
