import type { GlobalFacts, Node } from '../contract/node.ts'
import type { Serde } from '../contract/serde.ts'
import type { Store, TableView } from '../contract/store.ts'
import type { Emit, Position, Punctuator, StoreSpec, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import type { GlobalTable } from '../operator/global-table.ts'
import { deadLettersOf, type ErrorOption, failed } from '../plan/failure.ts'
import { checkName, checkPartitioned, type NodeSpec } from '../plan/node.ts'
import { refusePromise } from '../plan/promise.ts'

/** What a processor may do besides handing records on (Kafka Streams: `ProcessingContext`). */
export interface ProcessingContext {
  /** A store that the operator's `stores` name. */
  store<S extends Store>(spec: StoreSpec<S>): S
  /** The rows of a global table that the operator's `globals` name. */
  global<K, V>(table: GlobalTable<K, V>): TableView<K, V>
  /**
   * Calls back every `interval` milliseconds: of stream time (first at once, never without input) or of the wall clock (first after one interval). Missed times are made
   * up for by one call. With an `anchor`, epoch milliseconds, only at times that are a whole number of intervals after it. Returns the function that cancels, also from
   * within. Throws `RIACHO_OPTION`.
   */
  schedule(interval: number, clock: 'stream' | 'wall', punctuator: Punctuator, anchor?: number): () => void
  /** The task's stream time, epoch milliseconds, -1 before the first record. */
  readonly streamTime: number
  /** Wall clock, epoch milliseconds. */
  now(): number
  /** `<sub-topology>_<partition>`. */
  readonly taskId: string
  /** Where the record being processed came from; null in a punctuator and in what it causes. */
  position(): Position | null
}

/** What a processor uses. `onError` is also for what its punctuators throw; a dead letter of one of them holds no record. */
export interface ProcessorOptions extends ErrorOption {
  readonly stores?: readonly StoreSpec[]
  /** False: what its stores hold does not go by the record's key, so equal keys may be in different tasks. Default true when there are stores. */
  readonly keyed?: boolean
  readonly globals?: readonly GlobalTable<unknown, unknown>[]
}

/** The serdes of what a processor forwards: needed where that next meets a topic or a store. */
export interface ForwardedSerdes<K, V> {
  readonly key?: Serde<K>
  readonly value?: Serde<V>
}

/** Facts of a processor's node. Throws `RIACHO_NAME`, `RIACHO_NOT_PARTITIONED`. */
export function processing(
  name: string,
  { stores = [], keyed = stores.length > 0, globals = [], onError }: ProcessorOptions,
): (parent: Node) => Omit<NodeSpec, 'parents' | 'open'> {
  checkName(name, 'process')
  const facts: readonly GlobalFacts[] = Object.freeze(globals.map(table => table.facts))
  return parent => {
    if (keyed) checkPartitioned(parent, name)
    return {
      kind: 'process',
      label: name,
      keyed,
      timed: true,
      stores: Object.freeze([...stores]),
      ...(facts.length > 0 && { globals: facts }),
      ...deadLettersOf(onError),
    }
  }
}

/** A processor as its operators say it. */
export interface Working<R, F> {
  readonly name: string
  readonly options: ProcessorOptions
  /** Hands a record on. */
  readonly forward: Emit<never>
  /** Made once per task; what it returns is called for each record. */
  readonly processor: (context: ProcessingContext & { readonly forward: F }) => (record: R) => void
}

/** Guards the processor's own code: an error of what comes after it passes, even one that the processor caught. */
export function opened<R, F>(task: Task, { name, options, forward, processor }: Working<R, F>): (record: R) => void {
  let after: { readonly thrown: unknown } | undefined
  const fail = failed(task, name, options.onError)
  const guard =
    <A>(run: (argument: A) => unknown) =>
    (argument: A): unknown => {
      let answer: unknown
      try {
        answer = run(argument)
      } catch (thrown) {
        if (after === undefined) fail(thrown)
      }
      if (after !== undefined) throw after.thrown
      return answer
    }
  const guarded: Emit<never> = (record, port) => {
    try {
      forward(record, port)
    } catch (thrown) {
      after = { thrown }
      throw thrown
    }
  }
  const run = guard(processor(contextOf(task, name, options, guard, guarded as F)))
  return record => {
    const answer = run(record)
    if (answer !== undefined) refusePromise(task, name, answer)
  }
}

function contextOf<F>(
  task: Task,
  name: string,
  { stores = [], globals = [] }: ProcessorOptions,
  guard: (punctuator: Punctuator) => Punctuator,
  forward: F,
): ProcessingContext & { readonly forward: F } {
  return {
    forward,
    store: spec => task.store(declared(spec, stores.includes(spec), name, 'stores')),
    global: table => task.global(declared(table, globals.includes(table), name, 'globals').facts.store) as never,
    schedule: (interval, clock, punctuator, anchor) => {
      checkSchedule(name, interval, anchor)
      return task.schedule(interval, clock, guard(punctuator), anchor)
    },
    get streamTime() {
      return task.streamTime
    },
    now: () => task.now(),
    taskId: task.id,
    position: () => task.position(),
  }
}

/** A store that nobody declared would have no changelog, and be empty after a restart; a global table would not be loaded. */
function declared<T extends { readonly name: string }>(what: T, is: boolean, name: string, where: 'stores' | 'globals'): T {
  if (is) return what
  throw new RiachoError('RIACHO_OPTION', `'${name}' uses '${what.name}', which it does not name: give it { ${where}: [${what.name}] }`, {
    place: { node: name },
  })
}

function checkSchedule(name: string, interval: number, anchor: number | undefined): void {
  if (!(Number.isSafeInteger(interval) && interval > 0))
    throw new RiachoError('RIACHO_OPTION', `'${name}': a punctuator's interval is a whole number of milliseconds above 0, not ${interval}`)
  if (anchor !== undefined && !(Number.isSafeInteger(anchor) && anchor >= 0))
    throw new RiachoError(
      'RIACHO_OPTION',
      `'${name}': a punctuator's anchor is a whole number, 0 or more, epoch milliseconds, not ${anchor}`,
    )
}
