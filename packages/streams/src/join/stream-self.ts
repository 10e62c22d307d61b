import type { StreamRecord } from '../contract/record.ts'
import type { Emit, Task } from '../contract/task.ts'
import { failed } from '../plan/failure.ts'
import { keyForm } from '../store/key.ts'
import type { JoinStores, StreamJoin } from './stream-plan.ts'

/**
 * A stream joined with itself over one store (Kafka Streams: `KStreamKStreamSelfJoin`): a record meets those before it as their left side, then as their right
 * side, and itself where it stands in the order of time.
 */
export function openSelfJoin(
  task: Task,
  out: Emit<StreamRecord<unknown, unknown>>,
  { name, f, options, before, after, grace }: StreamJoin,
  stores: JoinStores,
): Emit<StreamRecord<unknown, unknown>> {
  const store = task.store(stores.left)
  const form = keyForm(stores.key)
  const clock = task.streamTimeOf(stores.left.name)
  const fail = failed(task, name, options.onError)
  const retention = before + after + grace
  const meet = (left: unknown, right: unknown, at: number, { key, timestamp, headers }: StreamRecord<unknown, unknown>): void => {
    let value: unknown
    try {
      value = f(left, right, key)
    } catch (thrown) {
      fail(thrown)
      return
    }
    out({ key, value, timestamp: at > timestamp ? at : timestamp, headers })
  }
  const meetAll = (record: StreamRecord<unknown, unknown>, canonical: string | number): void => {
    const { value, timestamp } = record
    if (timestamp > clock.time) clock.time = timestamp
    let found = store.find(canonical, Math.max(0, timestamp - before), Math.max(0, timestamp + after))
    for (let i = 0; i < found; i++) meet(value, store.valueAt(i), store.timeAt(i), record)
    found = store.find(canonical, Math.max(0, timestamp - after), Math.max(0, timestamp + before))
    let itself = timestamp > clock.time - retention + 1
    for (let i = 0; i < found; i++) {
      const at = store.timeAt(i)
      if (itself && at > timestamp) {
        itself = false
        meet(value, value, timestamp, record)
      }
      meet(store.valueAt(i), value, at, record)
    }
    if (itself) meet(value, value, timestamp, record)
  }
  return record => {
    const { key, value, timestamp } = record
    if (key === null) return task.drop('null-key')
    const canonical = form.of(key)
    if (value === null) task.drop('null-value')
    else meetAll(record, canonical)
    store.put(canonical, value, timestamp, record.headers)
  }
}
