import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { Store } from '../contract/store.ts'
import type { Emit, Position, Punctuator, StoreSpec, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { deadLettersOf, type ErrorOption, failed } from '../plan/failure.ts'
import { checkName, checkPartitioned } from '../plan/node.ts'
import { operator } from '../plan/operator.ts'

/** What a processor may do (Kafka Streams: `ProcessorContext`). */
export interface ProcessContext<K, V> {
  /** Hands a record on, at once and depth first. */
  forward(record: StreamRecord<K, V>): void
  /** A store that the operator's `stores` name. */
  store<S extends Store>(spec: StoreSpec<S>): S
  /** Calls back every `interval` milliseconds: of stream time (never without input) or of the wall clock. Returns the function that cancels. */
  schedule(interval: number, clock: 'stream' | 'wall', punctuator: Punctuator, anchor?: number): () => void
  /** The task's stream time, epoch milliseconds, -1 before the first record. */
  readonly streamTime: number
  /** Wall clock, epoch milliseconds. */
  now(): number
  /** `<sub-topology>_<partition>`. */
  readonly taskId: string
  /** Where the record being processed came from. */
  position(): Position | null
}

/** Made once per task; what it returns is called for each record. */
export type Processor<K, V, K2, R> = (context: ProcessContext<K2, R>) => (record: StreamRecord<K, V>) => void

/** Stores that a processor uses, and the serdes of what it forwards. */
export interface ProcessOptions<K, V> extends ErrorOption {
  readonly stores?: readonly StoreSpec[]
  readonly key?: Serde<K>
  readonly value?: Serde<V>
}

/**
 * A processor of the user's own (Kafka Streams: `KStream.process`). With stores it needs a stream that is partitioned by its key; what it forwards is not. `onError`
 * is for records; an error of a punctuator stops the task.
 *
 * @example
 * orders.pipe(process('halve', context => record => context.forward({ ...record, value: record.value / 2 }), { key: text }))
 */
export function process<K, V, K2, R>(
  name: string,
  processor: Processor<K, V, K2, R>,
  options: ProcessOptions<K2, R> = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K2, R>> {
  checkName(name, 'process')
  const stores = Object.freeze([...(options.stores ?? [])])
  return operator(
    parent => {
      if (stores.length > 0) checkPartitioned(parent, name)
      return {
        kind: 'process',
        label: name,
        key: options.key,
        value: options.value,
        keyed: stores.length > 0,
        timed: true,
        stores,
        ...deadLettersOf(options.onError),
      }
    },
    (task, out) => guarded(name, processor, options, task, out),
  )
}

/** A store that nobody declared would have no changelog, and be empty after a restart. */
function declared<S extends StoreSpec>(spec: S, name: string, stores: readonly StoreSpec[]): S {
  if (!stores.includes(spec))
    throw new RiachoError(
      'RIACHO_OPTION',
      `'${name}' uses the store '${spec.name}', which it does not name: give it { stores: [${spec.name}] }`,
      {
        place: { node: name },
      },
    )
  return spec
}

/** Guards the processor's own code: an error of what comes after it passes, even one that the processor caught. */
function guarded<K, V, K2, R>(
  name: string,
  processor: Processor<K, V, K2, R>,
  { onError, stores = [] }: ProcessOptions<K2, R>,
  task: Task,
  out: Emit<StreamRecord<K2, R>>,
): Emit<StreamRecord<K, V>> {
  let after: { readonly thrown: unknown } | undefined
  const guard =
    <A>(run: (argument: A) => void, fail: (thrown: unknown) => void) =>
    (argument: A): void => {
      try {
        run(argument)
      } catch (thrown) {
        if (after === undefined) fail(thrown)
      }
      if (after !== undefined) throw after.thrown
    }
  const run = processor({
    forward: record => {
      try {
        out(record)
      } catch (thrown) {
        after = { thrown }
        throw thrown
      }
    },
    store: spec => task.store(declared(spec, name, stores)),
    schedule: (interval, clock, punctuator, anchor) => task.schedule(interval, clock, guard(punctuator, failed(task, name)), anchor),
    get streamTime() {
      return task.streamTime
    },
    now: () => task.now(),
    taskId: task.id,
    position: () => task.position(),
  })
  return guard(run, failed(task, name, onError))
}
