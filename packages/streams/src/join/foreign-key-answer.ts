import type { Change, StreamRecord } from '../contract/record.ts'
import type { TableView } from '../contract/store.ts'
import type { Emit, Task } from '../contract/task.ts'
import type { SubscriptionStore } from '../store/subscription.ts'
import { type Answer, instruction, type Subscription } from '../wire/foreign-key.ts'

/** What the right side is made of. */
export interface RightSide<K, FK, T> {
  readonly store: SubscriptionStore<FK, K>
  readonly rows: TableView<FK, T>
  /** Its table is ordered by time: an older version tells nobody. */
  readonly versioned: boolean
}

/** Takes subscriptions: keeps or forgets them and answers with the row of their foreign key (Kafka Streams: `SubscriptionReceiveProcessorSupplier`, `SubscriptionJoinProcessorSupplier`). */
export function answering<K, FK, T>(
  task: Task,
  out: Emit<StreamRecord<K, Answer<T>>>,
  { store, rows }: RightSide<K, FK, T>,
): Emit<StreamRecord<FK | null, Subscription<K>>> {
  const { delete: forget, deleteAndAnswer, answer, answerIfFound } = instruction
  return ({ key: foreign, value: subscription, timestamp, headers }) => {
    const { instruction: told, key, hash, partition } = subscription
    if (foreign !== null) store.put(foreign, subscription, timestamp, headers)
    else if (told !== answer) return task.drop('null-key')
    if (told === forget) return
    const row = foreign === null ? undefined : rows.get(foreign)
    if (row === undefined && told === answerIfFound) return
    const value = row === undefined || told === deleteAndAnswer ? null : row.value
    out({ key, value: { hash, value, partition }, timestamp: row === undefined ? timestamp : Math.max(timestamp, row.timestamp), headers })
  }
}

/** Tells all subscribers of a row that it changed (Kafka Streams: `ForeignTableJoinProcessorSupplier`). */
export function telling<K, FK, T>(
  task: Task,
  out: Emit<StreamRecord<K, Answer<T>>>,
  { store, versioned }: RightSide<K, FK, T>,
): Emit<Change<FK, T>> {
  return ({ key: foreign, value, timestamp, headers, latest }) => {
    if (versioned && !latest) return task.drop('late')
    store.forEach(foreign, (key, { hash, partition }) => out({ key, value: { hash, value, partition }, timestamp, headers }))
  }
}
