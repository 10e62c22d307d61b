import type { Observable, OperatorFunction } from 'rxjs'
import type { Asked, Node, RepartitionFacts } from '../contract/node.ts'
import type { Change, StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { TableView } from '../contract/store.ts'
import type { Emit, SinkSpec, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { deadLettersOf, type ErrorOption } from '../plan/failure.ts'
import { keyOf } from '../plan/keyed.ts'
import { said } from '../plan/mixed.ts'
import { checkName, makeNode } from '../plan/node.ts'
import { json } from '../serde/json.ts'
import { keyValueStore } from '../store/key-value.ts'
import { subscriptionStore } from '../store/subscription.ts'
import { versionedStore } from '../store/versioned.ts'
import { isStream, Stream } from '../stream.ts'
import { sourceRows } from '../table/source-rows.ts'
import { versionedFacts, versionedRows } from '../table/versioned-rows.ts'
import { type Answer, answerSerde, subscriptionSerde } from '../wire/foreign-key.ts'
import { answering, telling } from './foreign-key-answer.ts'
import { joining } from './foreign-key-result.ts'
import { subscribing } from './foreign-key-subscribe.ts'
import { checkTable } from './table-side.ts'

/** Options of a foreign-key join. */
export interface ForeignKeyOptions<FK, R> extends ErrorOption {
  /** Keeps the results in a store of this name. Default: only if somebody needs them, in one named as the join. */
  readonly store?: string
  /** Milliseconds of event time for which the result knows how its rows were, as of `table`. */
  readonly historyRetention?: number
  /** Serde of the result, JSON unless said. */
  readonly value?: Serde<R>
  /** The partition of a foreign key's row in the right table's topic, where it is not that of murmur2 (Kafka Streams: `TableJoined`). */
  readonly partition?: (foreignKey: FK, partitions: number) => number
}

/** A foreign-key join as its operator says it. */
export interface ForeignKeyJoin<K, V, FK, T, R> {
  readonly label: 'joinForeignKey' | 'leftJoinForeignKey'
  readonly name: string
  readonly foreignKey: (value: V, key: K) => FK | null | undefined
  /** `row` is null only in a left join. */
  readonly f: (value: V, row: T | null, key: K) => R | null
  readonly options: ForeignKeyOptions<FK, R>
  readonly deletions?: 'always' | undefined
}

/**
 * Draws a foreign-key join (Kafka Streams: `KTableImpl.doJoinOnForeignKey`) as three nodes: the left task subscribes each row to its foreign key, the right task keeps
 * the subscriptions and answers, the left task joins the answers with its rows. Throws `RIACHO_PLAN_ONLY`, `RIACHO_MIXED`, `RIACHO_NOT_A_PLAN`, `RIACHO_NAME`,
 * `RIACHO_NOT_PARTITIONED`, `RIACHO_NO_SERDE`, `RIACHO_OPTION`.
 */
export function joinByForeignKey<K, V, FK, T, R>(
  right: Observable<Change<FK, T>>,
  join: ForeignKeyJoin<K, V, FK, T, R>,
): OperatorFunction<Change<K, V>, Change<K, R>> {
  const { name, label, deletions } = join
  checkName(name, 'foreign-key join')
  if (deletions !== undefined && deletions !== 'always')
    throw new RiachoError('RIACHO_OPTION', `'${name}': deletions is 'always' or left out, not '${String(deletions)}'`)
  return source => {
    if (!isStream(source) && !isStream(right))
      throw new RiachoError(
        'RIACHO_PLAN_ONLY',
        `${label}('${name}') exists in plans only: it moves data through topics, so draw it on tables`,
      )
    if (!isStream(source) || !isStream(right))
      throw new RiachoError('RIACHO_MIXED', `'${name}': Streams and plain Observables do not meet: make both tables Streams`)
    const sides = sidesOf<K, V, FK, T>(name, label, source.node, right.node)
    return new Stream<Change<K, R>>(drawResult(join, sides, drawAnswers(name, sides, drawSubscriptions(join, sides))))
  }
}

/** Both tables with the serdes of their rows. */
interface Sides<K, V, FK, T> {
  readonly left: { readonly node: Node; readonly key: Serde<K>; readonly value: Serde<V> }
  readonly right: { readonly node: Node; readonly key: Serde<FK>; readonly value: Serde<T> }
}

function sidesOf<K, V, FK, T>(name: string, label: string, left: Node, right: Node): Sides<K, V, FK, T> {
  const side = <A, B>(node: Node): { node: Node; key: Serde<A>; value: Serde<B> } => {
    checkTable(node, label)
    return { node, key: keyOf(node, name) as Serde<A>, value: (said(node.value, name, 'value') ?? json()) as Serde<B> }
  }
  return { left: side(left), right: side(right) }
}

/** A topic of the join: Kafka Streams' names, null keys too. It has as many partitions as the table that its records meet. */
function topicOf<K, V>(name: string, key: Serde<K>, value: Serde<V>, partition: SinkSpec['partition']): RepartitionFacts {
  const serdes = { key: key as Serde<unknown>, value: value as Serde<unknown> }
  return Object.freeze({ name, suffix: 'topic', ...serdes, optional: false, keepsNullKeys: true, ...(partition && { partition }) })
}

function drawSubscriptions<K, V, FK, T, R>(
  { name, label, foreignKey, options, deletions }: ForeignKeyJoin<K, V, FK, T, R>,
  { left, right }: Sides<K, V, FK, T>,
): Node {
  const chosen = options.partition
  const topic = topicOf(
    `${name}-subscription-registration`,
    right.key,
    subscriptionSerde(left.key),
    // A row without a foreign key asks nobody's task in particular.
    chosen && (({ key }, partitions) => (key === null ? undefined : chosen(key as FK, partitions))),
  )
  const leftJoin = label === 'leftJoinForeignKey'
  const side = {
    name,
    left: leftJoin,
    always: leftJoin || deletions === 'always',
    foreignKey,
    onError: options.onError,
    foreign: right.key,
    value: left.value,
    versioned: left.node.versioned === true,
  }
  return makeNode({
    kind: 'rekey',
    label: topic.name,
    parents: Object.freeze([left.node]),
    key: topic.key,
    value: topic.value,
    partitioned: true,
    wishes: Object.freeze([{ of: 0, previous: 'always' as const }]),
    repartition: topic,
    ...deadLettersOf(options.onError),
    open: (task, out) => [subscribing(task, out as Emit, side) as Emit],
  })
}

function drawAnswers<K, V, FK, T>(name: string, { left, right }: Sides<K, V, FK, T>, subscriptions: Node): Node {
  const spec = subscriptionStore(`${name}-subscription-store`, { foreign: right.key, key: left.key })
  const topic = topicOf(
    `${name}-subscription-response`,
    left.key,
    answerSerde(right.value),
    // Back to where the row lies, which need not be where its key's bytes lead.
    ({ value }) => (value as Answer<T>).partition,
  )
  return makeNode({
    kind: 'join',
    label: topic.name,
    parents: Object.freeze([right.node, subscriptions]),
    key: topic.key,
    value: topic.value,
    partitioned: true,
    keyed: true,
    wishes: Object.freeze([{ of: 0, previous: 'always' as const, view: true as const }]),
    stores: Object.freeze([spec]),
    repartition: topic,
    open: (task, out, asked) => {
      const side = { store: task.store(spec), rows: asked.view(0) as TableView<FK, T>, versioned: right.node.versioned === true }
      return [telling(task, out as Emit, side) as Emit, answering(task, out as Emit, side) as Emit]
    },
  })
}

function drawResult<K, V, FK, T, R>(
  { name, label, f, options }: ForeignKeyJoin<K, V, FK, T, R>,
  { left }: Sides<K, V, FK, T>,
  answers: Node,
): Node {
  const side = { name, left: label === 'leftJoinForeignKey', f, onError: options.onError, value: left.value }
  const { open, ...facts } = resultOf<K, R>(options.store ?? name, left.key, options)
  return makeNode({
    kind: 'join',
    label: name,
    // The left table's changes are for its subscriptions; here only its rows are, and that both have the same partitions.
    parents: Object.freeze([left.node, answers]),
    key: left.node.key,
    value: options.value as Serde<unknown> | undefined,
    partitioned: true,
    keyed: true,
    wishes: Object.freeze([{ of: 0, view: true as const }]),
    ...facts,
    ...deadLettersOf(options.onError),
    open: (task, out, asked) => {
      const results = open(task, out as Emit<Change<K, R>>, asked)
      return [() => {}, joining(task, results, asked.view(0) as TableView<K, V>, side) as Emit]
    },
  })
}

type ResultFacts = Pick<Node, 'table' | 'stores' | 'storesWhenKept' | 'view' | 'versioned'>

/** The result as a table like that of a topic: kept, kept if needed, or with a history. */
function resultOf<K, R>(
  store: string,
  key: Serde<K>,
  { store: named, value = json<R>(), historyRetention }: ForeignKeyOptions<never, R>,
): ResultFacts & { readonly open: (task: Task, out: Emit<Change<K, R>>, asked: Asked) => Emit<StreamRecord<K, R | null>> } {
  if (historyRetention !== undefined) {
    const spec = versionedStore<K, R>(store, { key, value, historyRetention })
    return { ...versionedFacts(spec), open: (task, out, asked) => versionedRows(task, out, asked, task.store(spec)) }
  }
  const spec = keyValueStore<K, R>(store, { key, value })
  return {
    ...(named === undefined ? { table: 'lazy', storesWhenKept: Object.freeze([spec]) } : { table: 'kept', stores: Object.freeze([spec]) }),
    view: task => task.store(spec),
    open: (task, out, asked) => sourceRows(task, out, asked, named !== undefined || asked.kept ? task.store(spec) : undefined),
  }
}
