import * as streams from '@riacho/streams'
import {
  aggregate,
  bufferCount,
  bufferTime,
  count,
  debounceTime,
  distinct,
  filter,
  filterNot,
  filterTable,
  flatMap,
  flatMapValues,
  hopping,
  int64,
  map,
  mapAsync,
  mapTable,
  mapValues,
  merge,
  type ProcessContext,
  pairwise,
  persist,
  process,
  reduce,
  rekey,
  repartition,
  rx,
  scan,
  selectKey,
  tap,
  throttleTime,
  toStream,
  triage,
  tumbling,
  updates,
  validate,
  withTimestamp,
} from '@riacho/streams'
import { pipe, map as rxMap } from 'rxjs'
import {
  bothOf,
  byLength,
  byParity,
  type Case,
  type In,
  near,
  odd,
  onStream,
  onTable,
  onTwoTables,
  pair,
  positive,
  schema,
  seen,
  sessions,
  sign,
  sink,
  skip,
  slides,
  sum,
  window,
} from './lives.fixture.ts'

/** One line per case; the name begins with the operator's. */
export const cases: Readonly<Record<string, Case>> = {
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
