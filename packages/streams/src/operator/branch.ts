import type { StreamRecord } from '../contract/record.ts'
import type { Emit, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { deadLettersOf, type ErrorOption, failed } from '../plan/failure.ts'
import { makeNode } from '../plan/node.ts'
import { refusePromise } from '../plan/promise.ts'
import { isStream, type KStream, Stream } from '../stream.ts'

type Predicate<K, V> = (value: V, record: StreamRecord<K, V>) => boolean

/** The streams of a branch by name; a type guard narrows its stream. */
export type Branches<K, V, B> = {
  // biome-ignore format: without the parentheses it is another type, and no syntax
  readonly [P in keyof B]: B[P] extends (value: V, record: StreamRecord<K, V>) => value is (infer W extends V) ? KStream<K, W> : KStream<K, V>
} & {
  readonly rest: KStream<K, V>
}

/**
 * Splits a stream: each record goes to the first branch whose predicate is true, else to `rest`. Exists in plans only: on a plain Observable throws
 * `RIACHO_PLAN_ONLY`; use `triage` there.
 *
 * @example
 * const { large, rest } = branch(orders, { large: order => order.cents > 100_000 })
 */
export function branch<K, V, const B extends Readonly<Record<string, Predicate<K, V>>>>(
  stream: KStream<K, V>,
  branches: B,
  options: ErrorOption = {},
): Branches<K, V, B> {
  if (!isStream(stream))
    throw new RiachoError('RIACHO_PLAN_ONLY', 'branch exists in plans only: use triage, or partition of rxjs, on a plain Observable')
  if ('rest' in branches) throw new RiachoError('RIACHO_NAME', "branch: 'rest' is the name of what no branch takes; choose another")
  const names = Object.keys(branches)
  const by = (record: StreamRecord<K, V>, task: Task): string => {
    for (const name of names) {
      const taken = branches[name]!(record.value, record)
      if (taken === true) return name
      if (taken === false) continue
      refusePromise(task, `branch:${name}`, taken)
      if (taken) return name
    }
    return 'rest'
  }
  return ports('branch', stream, [...names, 'rest'], by, options) as Branches<K, V, B>
}

/** Draws a node with one output per name, and the streams that read them. `by` names the output of a record; a name that no output has is dropped. */
export function ports<K, V>(
  label: string,
  stream: KStream<K, V>,
  names: readonly string[],
  by: (record: StreamRecord<K, V>, task: Task) => string | undefined,
  options: ErrorOption,
): Readonly<Record<string, KStream<K, V>>> {
  const { node: parent } = stream
  const facts = { key: parent.key, value: parent.value, partitioned: parent.partitioned }
  const split = makeNode({
    kind: 'step',
    label,
    parents: Object.freeze([parent]),
    effect: 'passes',
    ...facts,
    ...deadLettersOf(options.onError),
    open: (task, out) => {
      const fail = failed(task, label, options.onError)
      const input: Emit<StreamRecord<K, V>> = record => {
        let name: string | undefined
        try {
          name = by(record, task)
        } catch (thrown) {
          return fail(thrown)
        }
        if (name !== undefined) out(record, name)
      }
      return [input as Emit]
    },
  })
  const streams: Record<string, KStream<K, V>> = Object.create(null) as Record<string, KStream<K, V>>
  for (const name of names) {
    streams[name] = new Stream(
      makeNode({
        kind: 'step',
        label: `${label}:${name}`,
        port: name,
        effect: 'passes',
        parents: Object.freeze([split]),
        ...facts,
        open: (_task, out) => [out],
      }),
    )
  }
  return Object.freeze(streams)
}
