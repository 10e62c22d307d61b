import type { OnError } from '../contract/node.ts'
import type { Change, StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { Emit, Task } from '../contract/task.ts'
import { failed, failureOf } from '../plan/failure.ts'
import { type Instruction, instruction, type Subscription } from '../wire/foreign-key.ts'
import { murmur3 } from '../wire/murmur3.ts'

/** The hash of a left row's value: over what its serde writes, so that both ends of the way compute the same. */
export function hasherOf<V>(task: Task, name: string, value: Serde<V>): (row: V) => string {
  const encode = value.transient?.bind(value) ?? value.encode.bind(value)
  return row => {
    try {
      return murmur3(encode(row))
    } catch (thrown) {
      throw failureOf(task, name, thrown, 'give the left table a value serde that writes its rows', 'RIACHO_ENCODE')
    }
  }
}

/** What the left side is made of. */
export interface LeftSide<K, V, FK> {
  readonly name: string
  readonly left: boolean
  /** Every change gets an answer, whether its foreign key has a row or not; a left join's results need that. */
  readonly always: boolean
  readonly foreignKey: (value: V, key: K) => FK | null | undefined
  readonly onError: OnError | undefined
  readonly foreign: Serde<FK>
  readonly value: Serde<V>
  /** Its table is ordered by time: an older version tells nobody. */
  readonly versioned: boolean
}

/** Makes subscriptions of the left table's changes (Kafka Streams: `SubscriptionSendProcessorSupplier`). */
export function subscribing<K, V, FK>(
  task: Task,
  out: Emit<StreamRecord<FK | null, Subscription<K>>>,
  { name, left, always, foreignKey, onError, foreign, value: valueSerde, versioned }: LeftSide<K, V, FK>,
): Emit<Change<K, V>> {
  const fail = failed(task, name, onError)
  const hashOf = hasherOf(task, name, valueSerde)
  const { partition } = task
  const { delete: forget, deleteAndAnswer, answer, answerIfFound } = instruction
  const differ = (a: FK, b: FK | null): boolean => a !== b && (b === null || Buffer.compare(foreign.encode(a), foreign.encode(b)) !== 0)
  const tell = ({ key, timestamp, headers }: Change<K, V>, to: FK | null, told: Instruction, hash: string | null): void =>
    out({ key: to, value: { hash, instruction: told, key, partition }, timestamp, headers })
  return change => {
    const { key, value, previous } = change
    if (versioned && !change.latest) return task.drop('late')
    let before: FK | null
    let after: FK | null
    let moves: boolean
    try {
      before = previous == null ? null : (foreignKey(previous, key) ?? null)
      after = value === null ? null : (foreignKey(value, key) ?? null)
      moves = before !== null && differ(before, after)
    } catch (thrown) {
      return fail(thrown)
    }
    if (value !== null && after === null && !left) task.drop('null-key')
    if (always ? previous == null && value === null : before === null && after === null) return
    const hash = value === null ? null : hashOf(value)
    if (after === null && !always) return tell(change, before, deleteAndAnswer, hash)
    if (moves) tell(change, before, forget, hash)
    // Without a foreign key nobody keeps the subscription, but the answer comes. A row that is new, or stays with its foreign key, has no result that must go.
    tell(change, after, always || moves ? answer : answerIfFound, hash)
  }
}
