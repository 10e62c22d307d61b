import type { Observable, OperatorFunction } from 'rxjs'
import type { Asked, Node } from '../contract/node.ts'
import type { StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { Store } from '../contract/store.ts'
import type { Emit, StoreSpec, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { json } from '../serde/json.ts'
import { isStream } from '../stream.ts'
import { deadLettersOf, type ErrorOption } from './failure.ts'
import { said } from './mixed.ts'
import { checkName, checkPartitioned } from './node.ts'
import { operator } from './operator.ts'

/** The key's serde of a keyed operator. Throws `RIACHO_NOT_PARTITIONED`, `RIACHO_NO_SERDE`. */
export function keyOf(parent: Node, label: string): Serde<unknown> {
  checkPartitioned(parent, label)
  if (parent.key === undefined) {
    throw new RiachoError(
      'RIACHO_NO_SERDE',
      `'${label}' keeps state by key and nobody said the key's serde: give { key: … } to the operator that made the key`,
      { place: { node: label } },
    )
  }
  return said(parent.key, label, 'key')
}

/** Keys of a plain Observable have no bytes: strings and numbers stand for themselves, others for their JSON. */
export const plainKey: Serde<unknown> = {
  encode: key => Buffer.from(JSON.stringify(key) ?? 'undefined'),
  decode: raw => JSON.parse(Buffer.from(raw).toString()) as unknown,
}

/** What a verb that remembers something of each key says of itself. */
export interface KeyedVerb<V, R, S extends Store> {
  readonly name: string
  /** Makes its store; `value` is the serde of the values that come, JSON where nobody said one. */
  store(key: Serde<never>, value: Serde<V>): StoreSpec<S>
  /** The serde of what it hands on; the one of what comes, or undefined for a new type. */
  value(came: Serde<unknown> | undefined): Serde<unknown> | undefined
  /** It waits for event time to go on, or looks back in it. */
  readonly timed: boolean
  readonly options: ErrorOption
  open(task: Task, out: Emit<StreamRecord<never, R>>, store: S, asked: Asked): Emit<StreamRecord<never, V>>
}

/**
 * Draws or runs a verb of RxJS with a memory by key: stored, logged and restored, in event time. A null key is dropped and counted. Throws `RIACHO_NAME`,
 * `RIACHO_NOT_PARTITIONED`, `RIACHO_NO_SERDE`.
 */
export function keyedVerb<K, V, R, S extends Store>(verb: KeyedVerb<V, R, S>): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>> {
  const { name, timed, options } = verb
  checkName(name, 'store')
  return (source: Observable<StreamRecord<K, V>>): Observable<StreamRecord<K, R>> => {
    const parent = isStream(source) ? source.node : undefined
    const key = parent === undefined ? plainKey : keyOf(parent, name)
    const spec = verb.store(key as Serde<never>, (said(parent?.value, name, 'value') ?? json()) as Serde<V>)
    return operator<StreamRecord<K, V>, StreamRecord<K, R>>(
      from => ({
        kind: 'process',
        label: name,
        key,
        value: verb.value(from.value),
        partitioned: from.partitioned,
        keyed: true,
        timed,
        stores: Object.freeze([spec]),
        ...deadLettersOf(options.onError),
      }),
      (task, out, asked) => {
        const input = verb.open(task, out as Emit, task.store(spec), asked) as Emit<StreamRecord<K, V>>
        return record => {
          if (record.key === null) task.drop('null-key')
          else input(record)
        }
      },
    )(source)
  }
}

/** Checks a number of an option. Throws `RIACHO_OPTION`. */
export function checkWhole(name: string, what: string, given: number): void {
  if (!(Number.isSafeInteger(given) && given > 0))
    throw new RiachoError('RIACHO_OPTION', `'${name}': ${what} is a whole number above 0, not ${given}`)
}
