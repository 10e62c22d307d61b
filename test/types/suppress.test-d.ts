import {
  count,
  filterTable,
  int64,
  type KTable,
  minutes,
  session,
  sliding,
  suppress,
  table,
  text,
  topic,
  toStream,
  tumbling,
  type Windowed,
} from '@riacho/streams'
import { type Observable, of } from 'rxjs'

const orders = topic('orders', { key: text, value: int64 })
const clients = table('clients', { key: text, value: int64 })
const perMinute = orders.pipe(count('n', { window: tumbling(minutes(1), { grace: 0 }) }))

const final: KTable<Windowed<string>, number> = perMinute.pipe(suppress('final', { until: 'windowCloses' }))
const visits: KTable<Windowed<string>, number> = orders.pipe(
  count('v', { window: session(minutes(1), { grace: 0 }) }),
  suppress('visits', { until: 'windowCloses', recordsMax: 1000, bytesMax: 1e6 }),
)
const near: KTable<Windowed<string>, number> = orders.pipe(
  count('s', { window: sliding(1, { grace: 0 }) }),
  filterTable(n => n > 1),
  suppress('near', { until: 'windowCloses', value: int64 }),
)
const slow: KTable<string, number> = clients.pipe(suppress('slow', { until: 'timeLimit', limit: minutes(1) }))
const some: KTable<Windowed<string>, number> = perMinute.pipe(
  suppress('some', { until: 'timeLimit', limit: 1, recordsMax: 10, whenFull: 'stop' }),
)
const plain: Observable<unknown> = of({
  key: { key: 'a', start: 0, end: 1 },
  value: 1,
  previous: null,
  timestamp: 0,
  headers: [],
  latest: true,
}).pipe(suppress('p', { until: 'windowCloses', grace: 0, onComplete: 'flush' }))

// @ts-expect-error only windows close
clients.pipe(suppress('s', { until: 'windowCloses' }))
// @ts-expect-error a stream has no rows to hold back
orders.pipe(suppress('s', { until: 'timeLimit', limit: 1 }))
// @ts-expect-error a stream of windows neither
perMinute.pipe(toStream(), suppress('s', { until: 'windowCloses' }))
// @ts-expect-error how long is always said
clients.pipe(suppress('s', { until: 'timeLimit' }))
// @ts-expect-error a result of a window is never told early
perMinute.pipe(suppress('s', { until: 'windowCloses', whenFull: 'emit' }))
// @ts-expect-error a time limit has no grace
clients.pipe(suppress('s', { until: 'timeLimit', limit: 1, grace: 1 }))
// @ts-expect-error it needs a name
perMinute.pipe(suppress({ until: 'windowCloses' }))
// @ts-expect-error the rows are numbers
clients.pipe(suppress('s', { until: 'timeLimit', limit: 1, value: text }))
// @ts-expect-error what comes out is windows, too
const wrong: KTable<string, number> = perMinute.pipe(suppress('s', { until: 'windowCloses' }))

export const drawn = [final, visits, near, slow, some, plain, wrong]
