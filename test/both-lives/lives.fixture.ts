import * as streams from '@riacho/streams'
import {
  type Change,
  count,
  filter,
  filterTable,
  int64,
  json,
  type KStream,
  keyValueStore,
  type RiachoError,
  regroup,
  type Schema,
  type Sink,
  type StreamRecord,
  table,
  tap,
  text,
  to,
  topic,
  topology,
  toStream,
  tumbling,
} from '@riacho/streams'
import { testDriver } from '@riacho/testing'
import { concatMap, from, type Observable, type OperatorFunction, of } from 'rxjs'

/** A record of the input. */
export type In = StreamRecord<string, number>
/** A change of the table. */
export type Row = Change<string, number>
/** What comes out of an operator. */
export type Out = StreamRecord<unknown, unknown>

/** What a life made of the input: records as they would be written, and the code of the error that ended it. */
export interface Outcome {
  readonly sent: readonly (readonly [key: unknown, value: unknown, timestamp: number, headers: readonly string[]])[]
  readonly error: string | undefined
}

/** Records of both lives. */
export const inputs: readonly (readonly [key: string | null, value: number | null, timestamp: number])[] = [
  ['a', 1, 10],
  ['b', 2, 5],
  ['a', 3, 12],
  [null, 4, 13],
  ['a', null, 14],
  ['c', 5, 40],
  ['a', 6, 11],
  ['b', -7, 41],
  ['b', 8, 20],
]

/** A record as it is compared. */
export const shown = ({ key, value, timestamp, headers }: Out): Outcome['sent'][number] => [
  key,
  value,
  timestamp,
  headers.map(([name, bytes]) => `${name}=${bytes}`),
]
/** The code of an error. */
export const codeOf = (thrown: unknown): string => (thrown as RiachoError).code ?? String(thrown)
/** The headers of every record. */
export const trace = [['trace', Buffer.from('t')]] as const

/** In a plan: on the real engine with the broker in memory. */
export async function planned(end: KStream<unknown, unknown>): Promise<Outcome> {
  const driver = await testDriver(topology('app', end.pipe(to('out', { key: json(), value: json() }))))
  let error: string | undefined
  try {
    for (const [key, value, timestamp] of inputs) {
      await driver.pipe('in', {
        key: key === null ? null : text.encode(key),
        value: value === null ? null : int64.encode(value),
        timestamp,
        headers: trace,
      })
    }
  } catch (thrown) {
    error = codeOf(thrown)
  }
  const parsed = (bytes: Uint8Array | null): unknown => (bytes === null ? null : JSON.parse(Buffer.from(bytes).toString()))
  const sent = driver.sent().filter(record => record.topic === 'out')
  await driver.close()
  return { sent: sent.map(record => shown({ ...record, key: parsed(record.key), value: parsed(record.value) })), error }
}

/** On a plain Observable. */
export function plain(end: Observable<Out>): Promise<Outcome> {
  const sent: Outcome['sent'][number][] = []
  return new Promise(resolve => {
    end.subscribe({
      next: record =>
        sent.push(shown(JSON.parse(JSON.stringify(record), (key, value) => (key === 'headers' ? record.headers : value)) as Out)),
      error: thrown => resolve({ sent, error: codeOf(thrown) }),
      complete: () => resolve({ sent, error: undefined }),
    })
  })
}

/** Each record in a turn of its own, as they come to an engine. */
export const records = () =>
  from(inputs).pipe(
    concatMap(async ([key, value, timestamp]) => ({ key, value, timestamp, headers: trace }) as StreamRecord<string | null, number | null>),
  )

/** Runs an operator in both lives. */
export type Case = () => Promise<readonly [plan: Outcome, plain: Outcome]>

/** An operator of streams. Null values are dropped, as `topic` does. */
export const onStream =
  <B extends Out>(operator: OperatorFunction<In, B>): Case =>
  async () => [
    await planned(topic<string, number>('in', { key: text, value: int64 }).pipe(operator) as unknown as KStream<unknown, unknown>),
    await plain((records() as unknown as Observable<In>).pipe(source => from(source).pipe(dropNulls), operator)),
  ]
/** What a source does with null values. */
export const dropNulls: OperatorFunction<In, In> = concatMap(record => (record.value === null ? [] : [record]))

/** An operator of tables. */
export const onTable =
  <B extends Out>(operator: OperatorFunction<Row, B>): Case =>
  async () => [
    await planned(table<string, number>('in', { key: text, value: int64 }).pipe(operator) as unknown as KStream<unknown, unknown>),
    await plain((records() as unknown as Observable<In>).pipe(asTable(), operator)),
  ]

/** What `table` does, on a plain Observable. */
export const asTable = (): OperatorFunction<In, Row> => source => {
  const rows = new Map<string, number>()
  return source.pipe(
    concatMap(record => {
      if (record.key === null) return []
      const previous = rows.get(record.key) ?? null
      if (record.value === null) rows.delete(record.key)
      else rows.set(record.key, record.value)
      return of({ ...record, previous, latest: true } as unknown as Row)
    }),
  )
}

/** Refuses negative numbers. */
export const positive = (n: number): number => {
  if (n < 0) throw new RangeError('negative')
  return n
}
/** A schema that doubles, and refuses negative numbers. */
export const schema: Schema<number> = {
  '~standard': { validate: n => ((n as number) < 0 ? { issues: [{ message: 'negative' }] } : { value: (n as number) * 2 }) },
}
/** A sink that takes everything. */
export const sink: Sink<string, number> = { name: 'sink', idempotent: true, write: async () => {} }
/** A store of processors. */
export const seen = keyValueStore('seen', { key: text, value: int64 })
/** Tumbling windows. */
export const window = tumbling(10, { grace: 5 })
/** Sliding windows. */
export const slides = streams.sliding(4, { grace: 20 })
/** Session windows. */
export const sessions = streams.session(4, { grace: 20, retention: 1000 })
/** A route. */
export const sign = (n: number) => (n < 0 ? 'minus' : 'plus')
/** Adds. */
export const sum = (a: number, b: number) => a + b
/** Groups rows by parity. */
export const byParity = regroup<string, number, string, number>('g', n => [String(n % 2), n], { key: text, value: int64 })
/** Groups texts by length. */
export const byLength = regroup<string, string, string, string>('g', shown => [String(shown.length), shown], { key: text, value: text })
/** A policy. */
export const skip = { onError: 'skip' } as const
/** All records in a cogroup, added, and some of them once more, taken away. */
export const bothOf = (source: Observable<In>) =>
  [
    [source.pipe(tap(() => {})), sum],
    [source.pipe(filter(n => n > 2)), (n: number, all: number) => all - n],
  ] as const

/** A join of the stream of the odd numbers with that of the even ones: so each record is on one side, whichever side is subscribed to first. */
export const odd =
  (join: (left: Observable<In>, even: Observable<In>) => Observable<Out>): OperatorFunction<In, Out> =>
  source =>
    join(source.pipe(filter(n => n % 2 !== 0)), source.pipe(filter(n => n % 2 === 0)))
/** A window of joins. */
export const near = { before: 40, after: 20, grace: 5, emitEvery: 0 }
/** Shows both sides of a join. */
export const pair = (left: number | null, right: number | null) => `${left}|${right}`

/** A join of the odd numbers with the even ones; a row that becomes 3 goes. */
export const onTwoTables =
  (meet: (left: Observable<Row>, right: Observable<Row>) => Observable<Row>): OperatorFunction<In, Out> =>
  source => {
    const rows = (store: string, isHere: (n: number) => boolean) =>
      source.pipe(
        filter(isHere),
        streams.toTable({ store }),
        filterTable(n => n !== 3),
      )
    const left = rows('l', n => n % 2 !== 0)
    const right = rows('r', n => n % 2 === 0)
    return meet(left, right).pipe(byParity, count('n'), toStream())
  }
