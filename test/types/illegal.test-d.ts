import {
  aggregate,
  branch,
  count,
  type Delta,
  deadLetters,
  filter,
  filterTable,
  flatMapValues,
  int64,
  json,
  type KStream,
  type KTable,
  mapAsync,
  mapTable,
  mapValues,
  merge,
  minutes,
  persist,
  reduce,
  regroup,
  rekey,
  repartition,
  rx,
  type Schema,
  type Sink,
  type Stream,
  type StreamRecord,
  selectKey,
  table,
  text,
  to,
  topic,
  topology,
  toStream,
  triage,
  tumbling,
  updates,
  validate,
  withTimestamp,
} from '@riacho/streams'
import { from, map as rxMap } from 'rxjs'

interface Event {
  readonly uid: string
  readonly client: 'Client_A' | 'Client_B'
}
const events = topic('e', { key: text, value: json<Event>() })
const clients = table('clients', { key: text, value: json<{ city: string; orders: number }>() })
const window = tumbling(minutes(1), { grace: 0 })
const counts = events.pipe(count('c'))
const uids = events.pipe(mapValues(event => event.uid))
const lengths = events.pipe(mapValues(event => event.uid.length))
const raw = topic('raw', { key: text, value: json<unknown>() })
const nullable = topic('e', { key: text, value: json<Event>(), nulls: 'keep' })
const zero = () => 0
const plus = (n: number, sum: number) => sum + n
const nothing = () => ''
const join = (event: Event, sum: string) => sum + event.uid

// ---- keys and serdes
// @ts-expect-error a composite key without its serde
events.pipe(rekey('k', event => ({ c: event.client })))
// @ts-expect-error a numeric key without its serde
events.pipe(rekey('k', event => event.uid.length))
// @ts-expect-error the same when the data does not move
events.pipe(selectKey(event => event.uid.length))
// @ts-expect-error the serde of another key type
events.pipe(rekey('k', event => event.client, { key: int64 }))
// @ts-expect-error the serde of another key type at a topic
events.pipe(to('out', { key: int64 }))
// @ts-expect-error the serde of another value type at a topic
events.pipe(to('out', { value: text }))
// @ts-expect-error the serde of another value type at a repartition
events.pipe(repartition('r', { value: int64 }))
// @ts-expect-error a windowed key is not its inner key
events.pipe(count('c', { window }), updates(), to('out', { key: text }))
// @ts-expect-error an aggregate with the serde of another type
events.pipe(aggregate('a', nothing, join, { value: int64 }))

// ---- streams are not tables
// @ts-expect-error a table cannot be counted
counts.pipe(count('d'))
// @ts-expect-error toStream is for tables
events.pipe(toStream())
// @ts-expect-error updates is for tables
events.pipe(updates())
// @ts-expect-error filterTable is for tables
events.pipe(filterTable(() => true))
// @ts-expect-error mapTable is for tables
events.pipe(mapTable(() => 1))
// @ts-expect-error regroup is for tables
events.pipe(regroup('g', () => ['a', 1] as const, { key: text, value: int64 }))
// @ts-expect-error a table is not filtered as a stream
clients.pipe(filter(() => true))
// @ts-expect-error a table is not mapped as a stream
clients.pipe(mapValues(() => 1))
// @ts-expect-error a table does not move its data
clients.pipe(rekey('k', () => 'a'))
// @ts-expect-error a table is not persisted
clients.pipe(persist({} as Sink<string, unknown>))
// @ts-expect-error a table is not written
clients.pipe(to('out'))
// @ts-expect-error a table does not merge
merge(events, clients)

// ---- a regrouped table can only be aggregated, with a way back
const perCity = clients.pipe(regroup('by-city', client => [client.city, client.orders], { key: text, value: int64 }))
// @ts-expect-error a regrouped table is not a stream
perCity.pipe(filter(() => true))
// @ts-expect-error a regrouped table is not a table
perCity.pipe(toStream())
// @ts-expect-error it has no windows
perCity.pipe(count('c', { window }))
// @ts-expect-error it needs subtract
perCity.pipe(aggregate('a', zero, plus))
// @ts-expect-error it needs subtract
perCity.pipe(reduce('r', plus))
// @ts-expect-error a stream has nothing to subtract
lengths.pipe(reduce('r', plus, { subtract: plus }))

// ---- values
// @ts-expect-error unknown field
events.pipe(filter(event => event.nope > 1))
// @ts-expect-error unknown field of the record
events.pipe(filter((_event, record) => record.partition > 1))
// @ts-expect-error what comes out of mapValues goes into filter
uids.pipe(filter(uid => uid.client === 'Client_A'))
// @ts-expect-error flatMapValues makes several
events.pipe(flatMapValues(event => event.uid.length))
// @ts-expect-error a time is a number
events.pipe(withTimestamp(event => event.uid))
// @ts-expect-error foreign data is unknown until it is validated
raw.pipe(mapValues(value => value.uid))
// @ts-expect-error a kept null is null
nullable.pipe(mapValues(event => event.uid))
// @ts-expect-error a table's deletion is null
counts.pipe(toStream()).pipe(mapValues(n => n + 1))
// @ts-expect-error a sink of other values
events.pipe(persist({} as Sink<string, number>))
// @ts-expect-error a sink of other keys
events.pipe(persist({} as Sink<number, Event>))
// @ts-expect-error streams of different values
merge(events, uids)
// @ts-expect-error an rxjs operator on records of another kind
events.pipe(rx(rxMap((record: StreamRecord<string, number>) => record)))
// @ts-expect-error unknown fact of a dead letter
deadLetters('dead').pipe(filter(letter => letter.nope))

// ---- routes
// @ts-expect-error a route is missing
events.pipe(triage(event => event.client, { Client_A: to('a') }))
// @ts-expect-error a route is missing in spite of an otherwise
events.pipe(triage(event => event.client, { Client_A: to('a'), otherwise: to('b') }))
// @ts-expect-error a route for other values
events.pipe(triage(event => event.client, { Client_A: to('a'), Client_B: persist({} as Sink<string, number>) }))
// @ts-expect-error a branch that is not there
branch(events, { a: () => true }).b
// @ts-expect-error a branch of a plain Observable
branch(from<StreamRecord<string, Event>[]>([]), { a: () => true })

// ---- options
// @ts-expect-error grace is always said
tumbling(minutes(1))
// @ts-expect-error grace is always said
tumbling(minutes(1), {})
// @ts-expect-error what names a store has a name
events.pipe(count())
// @ts-expect-error what names a topic has a name
events.pipe(repartition())
// @ts-expect-error validate says what happens to what it refuses
raw.pipe(validate({} as Schema<Event>))
// @ts-expect-error no such policy
events.pipe(filter(() => true, { onError: 'ignore' }))
// @ts-expect-error mapAsync has no batches
events.pipe(mapAsync(async event => event, { batch: { recordsMax: 10, wait: 1 } }))
// @ts-expect-error no such order
events.pipe(mapAsync(async event => event, { order: 'time' }))
// @ts-expect-error an Observable is not a plan
topology('app', from([1]))
// @ts-expect-error a stream is not a table
events satisfies KTable<string, Event>
// @ts-expect-error a table is not a stream
clients satisfies KStream<string, unknown>
// @ts-expect-error a regrouped table is not a table
perCity satisfies KTable<string, number>
// @ts-expect-error a table is not regrouped
clients satisfies Stream<Delta<string, unknown>>
