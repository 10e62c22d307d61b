import { expect } from 'vitest'
import type { StreamRecord } from '../contract/record.ts'
import type { Row, TableView } from '../contract/store.ts'
import type { Emit, Task } from '../contract/task.ts'
import type { Stream } from '../stream.ts'

/** What a lookup did with some records. */
export interface Looked {
  readonly out: readonly StreamRecord<unknown, unknown>[]
  readonly dropped: readonly string[]
  readonly letters: readonly { readonly topic: string; readonly code: string }[]
}

/** Runs the last node of a stream over these rows of a global table; `asOf` answers rows by `key@time`. */
export function looked(end: Stream<unknown>, rows: Readonly<Record<string, unknown>>, records: readonly unknown[]): Looked {
  const out: StreamRecord<unknown, unknown>[] = []
  const dropped: string[] = []
  const letters: { topic: string; code: string }[] = []
  const rowOf = (key: string): Row<unknown> | undefined => (key in rows ? { value: rows[key], timestamp: 0 } : undefined)
  const view: TableView<string, unknown> = { get: rowOf, asOf: (key, time) => rowOf(`${key}@${time}`) }
  const task = {
    drop: (reason: string) => dropped.push(reason),
    deadLetter: (topic: string, { code }: { code: string }) => letters.push({ topic, code }),
    global: (store: unknown) => {
      expect(store).toBe(end.node.globals![0]!.store)
      return view
    },
    position: () => ({ topic: 'orders', partition: 0, offset: 7 }),
    now: () => 0,
  }
  const [input] = end.node.open(task as unknown as Task, record => out.push(record as StreamRecord<unknown, unknown>), {} as never)
  for (const record of records) (input as Emit)(record)
  return { out, dropped, letters }
}
