import type { Asked, Node } from '../contract/node.ts'
import type { StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { Emit, Origin, Position, StoreSpec, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { keyOf, plainKey } from '../plan/keyed.ts'
import { said } from '../plan/mixed.ts'
import { checkName } from '../plan/node.ts'
import { json } from '../serde/json.ts'
import { type GraceBuffer, graceBuffer } from '../store/grace-buffer.ts'

/** Options of a join whose records wait for the table (KIP-923). */
export interface GraceOptions<K, V> {
  /** Milliseconds of event time for which a record waits, so that rows that come late are there. The table keeps a history. */
  readonly grace: number
  /** Names the store in which records wait, `<name>-Buffer`. */
  readonly name: string
  /** Serdes of the records that wait. Default: those of the stream, for values else JSON. */
  readonly key?: Serde<K>
  readonly value?: Serde<V>
}

/** A join whose records do not wait. */
export interface NoGrace {
  readonly grace?: never
  readonly name?: never
  readonly key?: never
  readonly value?: never
}

/** Records that wait for their table, and for how long. */
export interface Waiting<K, V> {
  readonly grace: number
  readonly spec: StoreSpec<GraceBuffer<K, V>>
  readonly key: Serde<K>
  readonly value: Serde<V>
}

/** What the options of a join say of waiting; `stream` is undefined outside plans. Throws `RIACHO_OPTION`, `RIACHO_NAME`, `RIACHO_NO_SERDE`, `RIACHO_NOT_PARTITIONED`. */
export function waitingOf<K, V>(options: GraceOptions<K, V> | NoGrace, stream: Node | undefined, label: string): Waiting<K, V> | undefined {
  const { grace, name } = options
  if (grace === undefined) return undefined
  if (!Number.isSafeInteger(grace) || grace < 0) {
    throw new RiachoError('RIACHO_OPTION', `'${label}': grace is a whole number of milliseconds, 0 or more, not ${grace}`)
  }
  checkName(name, `${label} with grace`)
  const key = (options.key ?? (stream === undefined ? plainKey : keyOf(stream, label))) as Serde<K>
  const value = (options.value ?? said(stream?.value, label, 'value') ?? json()) as Serde<V>
  return { grace, spec: graceBuffer(`${name}-Buffer`, { key, value }), key, value }
}

/** Throws `RIACHO_OPTION` when records would wait for a table that does not know how its rows were. */
export function checkVersioned(side: Node, label: string): void {
  if (side.versioned === true) return
  throw new RiachoError(
    'RIACHO_OPTION',
    `'${label}' has a grace, and '${side.label}' does not know how its rows were at the time of a record: give that table a historyRetention`,
    { place: { node: label } },
  )
}

/**
 * Lets records wait until time is `grace` beyond them, then hands them on in the order of their times (Kafka Streams: `KStreamKTableJoinProcessor` with a buffer). Only
 * records that wait move time. One that is older than that already is handed on at once; a key of null, which no buffer takes, stops the task.
 */
export function waiting<K, V>(
  { grace, spec, key, value }: Waiting<K, V>,
  label: string,
  task: Task,
  asked: Asked,
  out: Emit<StreamRecord<K, V>>,
): Emit<StreamRecord<K, V>> {
  const buffer = task.store(spec)
  const clock = task.streamTimeOf(spec.name)
  const originOf = (record: StreamRecord<K, V>, from: Position): Origin => ({
    ...from,
    timestamp: record.timestamp,
    headers: record.headers,
    key: key.encode(record.key),
    value: value.encode(record.value),
  })
  const leave = (record: StreamRecord<K, V>, from: Position): void =>
    task.onBehalf(asked.origins ? originOf(record, from) : from, out, record)
  return record => {
    const { timestamp } = record
    if (buffer.time > clock.time) clock.time = buffer.time
    if (record.key === null) throw withoutKey(task, label)
    if (timestamp < clock.time - grace) return out(record)
    if (timestamp > clock.time) clock.time = timestamp
    const now = task.now()
    buffer.put(record, task.position(), now)
    buffer.evict(clock.time - grace, now, leave)
  }
}

function withoutKey(task: Task, label: string): RiachoError {
  const at = task.position()
  const where = at === null ? '' : ` at ${at.topic}-${at.partition} offset ${at.offset}`
  return new RiachoError(
    'RIACHO_NULL_KEY',
    `'${label}' has a grace, and the record${where} has no key to wait by: leave such records out before the join, as filter((value, { key }) => key !== null)`,
    { place: { node: label, ...at } },
  )
}
