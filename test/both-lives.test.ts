import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as streams from '@riacho/streams'
import {
  aggregate,
  branch,
  bufferCount,
  bufferTime,
  type Change,
  count,
  deadLetters,
  debounceTime,
  distinct,
  filter,
  filterNot,
  filterTable,
  flatMap,
  flatMapValues,
  hopping,
  int64,
  json,
  type KStream,
  keyValueStore,
  map,
  mapAsync,
  mapTable,
  mapValues,
  merge,
  type ProcessContext,
  pairwise,
  persist,
  process,
  type RiachoError,
  reduce,
  regroup,
  rekey,
  repartition,
  rx,
  type Schema,
  type Sink,
  type StreamRecord,
  scan,
  selectKey,
  table,
  tap,
  text,
  throttleTime,
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
import { testDriver } from '@riacho/testing'
import { concatMap, from, type Observable, type OperatorFunction, of, pipe, map as rxMap } from 'rxjs'
import { describe, expect, it } from 'vitest'

type In = StreamRecord<string, number>
type Row = Change<string, number>
type Out = StreamRecord<unknown, unknown>

/** What a life made of the input: records as they would be written, and the code of the error that ended it. */
interface Outcome {
  readonly sent: readonly (readonly [key: unknown, value: unknown, timestamp: number, headers: readonly string[]])[]
  readonly error: string | undefined
}

const inputs: readonly (readonly [key: string | null, value: number | null, timestamp: number])[] = [
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

const shown = ({ key, value, timestamp, headers }: Out): Outcome['sent'][number] => [
  key,
  value,
  timestamp,
  headers.map(([name, bytes]) => `${name}=${bytes}`),
]
const codeOf = (thrown: unknown): string => (thrown as RiachoError).code ?? String(thrown)
const trace = [['trace', Buffer.from('t')]] as const

/** In a plan: on the real engine with the broker in memory. */
async function planned(end: KStream<unknown, unknown>): Promise<Outcome> {
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
function plain(end: Observable<Out>): Promise<Outcome> {
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
const records = () =>
  from(inputs).pipe(
    concatMap(async ([key, value, timestamp]) => ({ key, value, timestamp, headers: trace }) as StreamRecord<string | null, number | null>),
  )

type Case = () => Promise<readonly [plan: Outcome, plain: Outcome]>

/** An operator of streams. Null values are dropped, as `topic` does. */
const onStream =
  <B extends Out>(operator: OperatorFunction<In, B>): Case =>
  async () => [
    await planned(topic<string, number>('in', { key: text, value: int64 }).pipe(operator) as unknown as KStream<unknown, unknown>),
    await plain((records() as unknown as Observable<In>).pipe(source => from(source).pipe(dropNulls), operator)),
  ]
const dropNulls: OperatorFunction<In, In> = concatMap(record => (record.value === null ? [] : [record]))

/** An operator of tables. */
const onTable =
  <B extends Out>(operator: OperatorFunction<Row, B>): Case =>
  async () => [
    await planned(table<string, number>('in', { key: text, value: int64 }).pipe(operator) as unknown as KStream<unknown, unknown>),
    await plain((records() as unknown as Observable<In>).pipe(asTable(), operator)),
  ]

/** What `table` does, on a plain Observable. */
const asTable = (): OperatorFunction<In, Row> => source => {
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

const positive = (n: number): number => {
  if (n < 0) throw new RangeError('negative')
  return n
}
const schema: Schema<number> = {
  '~standard': { validate: n => ((n as number) < 0 ? { issues: [{ message: 'negative' }] } : { value: (n as number) * 2 }) },
}
const sink: Sink<string, number> = { name: 'sink', idempotent: true, write: async () => {} }
const seen = keyValueStore('seen', { key: text, value: int64 })
const window = tumbling(10, { grace: 5 })
const slides = streams.sliding(4, { grace: 20 })
const sessions = streams.session(4, { grace: 20, retention: 1000 })
const sign = (n: number) => (n < 0 ? 'minus' : 'plus')
const sum = (a: number, b: number) => a + b
const byParity = regroup<string, number, string, number>('g', n => [String(n % 2), n], { key: text, value: int64 })
const byLength = regroup<string, string, string, string>('g', shown => [String(shown.length), shown], { key: text, value: text })
const skip = { onError: 'skip' } as const
/** All records in a cogroup, added, and some of them once more, taken away. */
const bothOf = (source: Observable<In>) =>
  [
    [source.pipe(tap(() => {})), sum],
    [source.pipe(filter(n => n > 2)), (n: number, all: number) => all - n],
  ] as const

/** A join of the stream of the odd numbers with that of the even ones: so each record is on one side, whichever side is subscribed to first. */
const odd =
  (join: (left: Observable<In>, even: Observable<In>) => Observable<Out>): OperatorFunction<In, Out> =>
  source =>
    join(source.pipe(filter(n => n % 2 !== 0)), source.pipe(filter(n => n % 2 === 0)))
const near = { before: 40, after: 20, grace: 5, emitEvery: 0 }
const pair = (left: number | null, right: number | null) => `${left}|${right}`

/** A join of the odd numbers with the even ones; a row that becomes 3 goes. */
const onTwoTables =
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

/** One line per case; the name begins with the operator's. */
const cases: Readonly<Record<string, Case>> = {
  bufferCount: onStream(bufferCount('s', 2)),
  bufferTime: onStream(bufferTime('s', 8)),
  debounceTime: onStream(debounceTime('s', 8)),
  distinct: onStream(distinct('s', n => String(n % 2), { within: 10 })),
  'distinct that fails': onStream(distinct('s', n => String(positive(n)), { within: 10 })),
  pairwise: onStream(pairwise('s')),
  scan: onStream(scan('s', sum, 0)),
  'scan that fails': onStream(scan('s', (all: number, n: number) => all + positive(n), 0)),
  throttleTime: onStream(throttleTime('s', 5)),
  aggregate: onStream(
    pipe(
      aggregate('s', () => 0, sum, { value: int64 }),
      toStream(),
    ),
  ),
  'aggregate in windows': onStream(
    pipe(
      aggregate('s', () => 0, sum, { window }),
      toStream(),
    ),
  ),
  'aggregate that deletes': onStream(
    pipe(
      aggregate(
        's',
        () => 0,
        (n: number, all: number) => (n > 5 ? null : n + all),
      ),
      toStream(),
    ),
  ),
  'aggregate in sessions': onStream(
    pipe(
      aggregate('s', () => 0, sum, { window: sessions, merge: sum }),
      toStream(),
    ),
  ),
  'aggregate of a table': onTable(
    pipe(
      byParity,
      aggregate('s', () => 0, sum, { subtract: (n, all) => all - n }),
      toStream(),
    ),
  ),
  'aggregate that fails': onStream(
    pipe(
      aggregate(
        's',
        () => 0,
        (n: number, all: number) => positive(n) + all,
      ),
      toStream(),
    ),
  ),
  cogroup: onStream(source => toStream<string, number>()(streams.cogroup('c', () => 0, bothOf(source)))),
  'cogroup in windows': onStream(source => toStream<unknown, number>()(streams.cogroup('c', () => 0, bothOf(source), { window }))),
  'cogroup in sessions': onStream(source =>
    toStream<unknown, number>()(streams.cogroup('c', () => 0, bothOf(source), { window: sessions, merge: sum })),
  ),
  'cogroup that fails': onStream(source =>
    toStream<string, number>()(streams.cogroup('c', () => 0, [[source, (n, all) => positive(n) + all]])),
  ),
  count: onStream(pipe(count('n'), toStream())),
  'count in windows': onStream(pipe(count('n', { window }), toStream())),
  'count in hopping windows': onStream(pipe(count('n', { window: hopping(10, { advance: 3, grace: 0 }) }), toStream())),
  'count in sessions': onStream(pipe(count('n', { window: sessions }), toStream())),
  'count at the end of sessions': onStream(pipe(count('n', { window: sessions, emit: 'onClose', emitEvery: 0 }), toStream())),
  'count in sliding windows': onStream(pipe(count('n', { window: slides }), toStream())),
  'count when sliding windows close': onStream(pipe(count('n', { window: slides, emit: 'onClose', emitEvery: 0 }), toStream())),
  'count when windows close': onStream(
    pipe(count('n', { window: tumbling(10, { grace: 5, retention: 100 }), emit: 'onClose', emitEvery: 0 }), toStream()),
  ),
  'count of a table': onTable(pipe(byParity, count('n'), toStream())),
  filter: onStream(filter(n => n > 2)),
  'filter that fails': onStream(filter(n => positive(n) > 2)),
  'filter that skips': onStream(filter(n => positive(n) > 2, skip)),
  filterNot: onStream(filterNot((n, { key }) => n > 2 || key === 'a')),
  filterTable: onTable(
    pipe(
      filterTable(n => n > 0),
      toStream(),
    ),
  ),
  'filterTable that skips': onTable(
    pipe(
      filterTable(n => positive(n) > 2, { store: 's', ...skip }),
      byParity,
      count('n'),
      toStream(),
    ),
  ),
  flatMap: onStream(flatMap((n, { key }) => [[`${key}!`, n] as const, [key, -n] as const])),
  flatMapValues: onStream(flatMapValues(n => Array.from({ length: Math.abs(n) % 3 }, (_, i) => i))),
  join: onStream(source => source.pipe(streams.join(source.pipe(count('n')), (n, sum) => [n, sum]))),
  'join that fails': onStream(source => source.pipe(streams.join(source.pipe(count('n')), (n, sum) => positive(n) + sum))),
  joinStream: onStream(odd((left, even) => left.pipe(streams.joinStream('j', even, pair, near)))),
  'joinStream that fails': onStream(odd((left, even) => left.pipe(streams.joinStream('j', even, l => positive(l), near)))),
  'joinStream that skips': onStream(odd((left, even) => left.pipe(streams.joinStream('j', even, l => positive(l), { ...near, ...skip })))),
  'joinStream of a stream with itself': onStream(source => source.pipe(streams.joinStream('j', source, pair, near))),
  'joinStream over one store': onStream(source => source.pipe(streams.joinStream('j', source, pair, { ...near, singleStore: true }))),
  joinTable: onStream(onTwoTables((left, right) => left.pipe(streams.joinTable(right, sum)))),
  leftJoinStream: onStream(odd((left, even) => left.pipe(streams.leftJoinStream('j', even, pair, near)))),
  leftJoinTable: onStream(onTwoTables((left, right) => left.pipe(streams.leftJoinTable(right, (n, m) => n + (m ?? 0))))),
  outerJoinStream: onStream(odd((left, even) => left.pipe(streams.outerJoinStream('j', even, pair, near)))),
  outerJoinTable: onStream(
    onTwoTables((left, right) => left.pipe(streams.outerJoinTable(right, (n, m) => (n ?? 0) + (m ?? 0), { store: 'o' }))),
  ),
  leftJoin: onStream(source => {
    const rows = source.pipe(
      filter(n => n > 2),
      count('n'),
    )
    return source.pipe(streams.leftJoin(rows, (n, sum) => [n, sum]))
  }),
  map: onStream(map((n, { key }) => [`${key}${n}`, String(n)] as const)),
  mapAsync: onStream(mapAsync(async n => n * 2)),
  'mapAsync that fails': onStream(mapAsync(async n => positive(n), { inFlightMax: 1 })),
  'mapAsync that skips': onStream(mapAsync(async n => positive(n), skip)),
  mapTable: onTable(
    pipe(
      mapTable((n, key) => `${key}${n}`),
      toStream(),
    ),
  ),
  'mapTable with a store': onTable(
    pipe(
      mapTable((n, key) => `${key}${n}`, { store: 's' }),
      byLength,
      count('n'),
      toStream(),
    ),
  ),
  mapValues: onStream(mapValues((n, { timestamp }) => n + timestamp)),
  merge: onStream(source => merge(source.pipe(filter(n => n > 2)), source.pipe(filter(n => n <= 2)))),
  persist: onStream(persist(sink)),
  process: onStream(process<string, number, unknown, unknown>('p', unseen, { stores: [seen] })),
  processValues: onStream(streams.processValues('p', numbering, { stores: [seen] })),
  'processValues that changes the key': onStream(
    streams.processValues<string, number, number>('p', context => record => context.forward({ ...record, key: 'other' })),
  ),
  'process that ticks': onStream(process<string, number, unknown, unknown>('p', ticking)),
  reduce: onStream(pipe(reduce('r', sum), toStream())),
  'reduce in windows': onStream(pipe(reduce('r', sum, { window }), toStream())),
  'reduce of a table': onTable(pipe(byParity, reduce('r', sum, { subtract: (all, n) => all - n }), toStream())),
  regroup: onTable(pipe(byParity, count('n'), updates())),
  rekey: onStream(rekey('k', n => String(n % 3))),
  'rekey that moves': onStream(
    pipe(
      rekey('k', n => String(n % 3)),
      count('n'),
      toStream(),
    ),
  ),
  repartition: onStream(
    pipe(
      filter((_n, { key }) => key !== null),
      repartition('r'),
    ),
  ),
  rx: onStream(rx(rxMap(record => ({ ...record, value: record.value * 2 })))),
  'rx that changes the key': onStream(rx(rxMap(record => ({ ...record, key: 'other' })))),
  selectKey: onStream(selectKey(n => String(n % 3))),
  'selectKey to null': onStream(selectKey(n => (n > 2 ? null : 'k'))),
  suppress: onTable(pipe(streams.suppress('s', { until: 'timeLimit', limit: 20 }), toStream())),
  'suppress early': onTable(pipe(streams.suppress('s', { until: 'timeLimit', limit: 20, recordsMax: 1 }), toStream())),
  'suppress until windows close': onStream(
    pipe(count('n', { window }), streams.suppress('s', { until: 'windowCloses', grace: 5 }), toStream()),
  ),
  'suppress that stops': onTable(
    pipe(streams.suppress('s', { until: 'timeLimit', limit: 50, recordsMax: 1, whenFull: 'stop' }), toStream()),
  ),
  tap: onStream(tap(() => {})),
  toStream: onTable(toStream()),
  triage: onStream(triage(sign, { plus: mapValues(n => `+${n}`), minus: filter(() => true) })),
  'toStream by another key': onTable(toStream({ key: (n, key) => `${key}${n}` })),
  toTable: onStream(pipe(streams.toTable({ store: 'rows' }), byParity, count('n'), toStream())),
  'triage without a route': onStream(triage(sign as () => 'plus', { plus: mapValues(n => n) })),
  'triage that skips': onStream(triage(sign as () => 'plus', { plus: mapValues(n => n) }, skip)),
  updates: onTable(updates()),
  validate: onStream(validate(schema, skip)),
  'validate that fails': onStream(validate(schema, { onError: 'fail' })),
  withTimestamp: onStream(withTimestamp(n => n, skip)),
  'withTimestamp that fails': onStream(withTimestamp(n => n)),
}

function unseen(context: Parameters<Parameters<typeof process<string, number, unknown, unknown>>[1]>[0]) {
  const store = context.store(seen)
  return (record: In): void => {
    if (record.key === null || store.get(record.key) !== undefined) return
    store.put(record.key, 1, record.timestamp)
    context.forward(record)
  }
}

function numbering(context: ProcessContext<string, number>) {
  const store = context.store(seen)
  return (record: In): void => {
    if (record.key === null) return
    const n = (store.get(record.key)?.value ?? 0) + 1
    store.put(record.key, n, record.timestamp)
    context.forward({ ...record, value: n })
  }
}

function ticking(context: Parameters<Parameters<typeof process<string, number, unknown, unknown>>[1]>[0]) {
  context.schedule(10, 'stream', time => context.forward({ key: 'tick', value: context.streamTime, timestamp: time, headers: [] }))
  return (record: In): void => context.forward(record)
}

const input = from([{ key: 'a', value: 1, timestamp: 0, headers: [] }] satisfies In[])
const rowsOfNone = from<Change<string, number>[]>([])
const dead = { onError: { deadLetter: 'dead' } }
const whole = streams.globalTable('whole', { key: text, value: int64 })
const ending = (operator: OperatorFunction<In, unknown>) =>
  new Promise((resolve, reject) => input.pipe(operator).subscribe({ error: reject, complete: () => resolve('completed') }))

/** What exists in plans only: how it refuses a plain Observable. */
const planOnly: Readonly<Record<string, readonly [refusal: string, attempt: () => unknown]>> = {
  branch: ['RIACHO_PLAN_ONLY', () => branch(input as unknown as KStream<string, number>, { all: () => true })],
  leftLookup: [
    'RIACHO_PLAN_ONLY',
    () =>
      input.pipe(
        streams.leftLookup(
          whole,
          n => String(n),
          (n, row) => [n, row],
        ),
      ),
  ],
  lookup: [
    'RIACHO_PLAN_ONLY',
    () =>
      input.pipe(
        streams.lookup(
          whole,
          n => String(n),
          (n, row) => [n, row],
        ),
      ),
  ],
  joinForeignKey: ['RIACHO_PLAN_ONLY', () => rowsOfNone.pipe(streams.joinForeignKey('j', rowsOfNone, String, String))],
  leftJoinForeignKey: ['RIACHO_PLAN_ONLY', () => rowsOfNone.pipe(streams.leftJoinForeignKey('j', rowsOfNone, String, String))],
  processInto: [
    'RIACHO_PLAN_ONLY',
    () => streams.processInto(input as unknown as KStream<string, number>, 'p', () => () => {}, { outputs: { out: {} } }),
  ],
  to: ['RIACHO_PLAN_ONLY', () => input.pipe(to('out'))],
  'a dead letter': ['RIACHO_DEAD_LETTER', () => ending(mapValues(n => positive(-n), dead))],
  'a dead letter of asynchronous work': ['RIACHO_DEAD_LETTER', () => ending(mapAsync(async n => positive(-n), dead))],
  'inputs of both lives': ['RIACHO_MIXED', () => merge(input, topic<string, number>('in', { key: text, value: int64 }))],
}

/** These make Streams of nothing; there is nothing to run them on. */
const sources = { deadLetters, globalTable: streams.globalTable, source: streams.source, table, topic }

describe('an operator does the same in a plan and on a plain Observable', () => {
  it.each(Object.entries(cases))('%s', async (_name, both) => {
    const [plan, alone] = await both()
    expect(alone).toEqual(plan)
    expect(plan.sent.length + Number(plan.error !== undefined)).toBeGreaterThan(0)
  })

  it.each(Object.entries(planOnly))('%s exists in plans only', async (_name, [refusal, attempt]) => {
    await expect((async () => attempt())()).rejects.toMatchObject({ code: refusal })
  })

  it('but for rows that filterTable never kept: only who knows the row before can leave their deletion out', async () => {
    const [plan, alone] = await onTable(
      pipe(
        filterTable<string, number>(n => n < 0),
        toStream(),
      ),
    )()
    const rows = ({ sent }: Outcome) => sent.map(([key, value]) => [key, value])
    expect(rows(alone)).toEqual([
      ['b', -7],
      ['b', null],
    ])
    expect(rows(plan)).toEqual([
      ['a', null],
      ['b', null],
      ['a', null],
      ['a', null],
      ['c', null],
      ['a', null],
      ['b', -7],
      ['b', null],
    ])
  })

  it('and for null keys, which a topic between two tasks does not take', async () => {
    const [plan, alone] = await onStream(repartition('r'))()
    expect(alone.sent.filter(([key]) => key !== null)).toEqual(plan.sent)
    expect(alone.sent.length - plan.sent.length).toBe(1)
  })

  it('every operator of the surface has a case, or is listed', () => {
    const folder = join(import.meta.dirname, '../packages/streams/src/operator')
    const operatorFiles = readdirSync(folder).filter(name => !/\.(test|fixture)\.ts$/.test(name))
    const operators = operatorFiles.map(name => name.replace('.ts', '').replace(/-(.)/g, (_dash, letter: string) => letter.toUpperCase()))
    const covered = new Set([...Object.keys(cases), ...Object.keys(planOnly), ...Object.keys(sources)].map(name => name.split(' ')[0]))
    expect(operators.filter(operator => !covered.has(operator))).toEqual([])
  })
})
