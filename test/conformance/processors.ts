import type { KeyValueStore, ProcessContext, StreamRecord, WindowStore } from '@riacho/streams'
import { type Datum, num, type Some, show } from './show.ts'

type Message = StreamRecord<Datum, Datum>
type Context = ProcessContext<Datum, Datum>

/** What a processor of FORMAT.md section 7 is given: the task's context, its parameters and its stores. */
export interface Bench {
  readonly context: Context
  readonly params: Readonly<Record<string, string | number>>
  readonly keyValue: () => KeyValueStore<Some, Some>
  readonly windows: () => WindowStore<Some, Some>
}

/** Makes the behaviour of a processor for one task. */
export type MakeProcessor = (bench: Bench) => (record: Message) => void

function punctuate({ context, params }: Bench, at: (time: number) => void): () => void {
  const anchor = params.anchorMs === undefined ? undefined : Number(params.anchorMs)
  return context.schedule(Number(params.everyMs), params.clock === 'wall' ? 'wall' : 'stream', at, anchor)
}

const made = (key: Datum, value: Datum, timestamp: number): Message => ({ key, value, timestamp, headers: [] })

const countAndPunctuate: MakeProcessor = bench => {
  const store = bench.keyValue()
  punctuate(bench, time => {
    for (const [key, row] of [...store.entries()]) bench.context.forward(made(key, `t=${time},n=${show(row.value)}`, time))
  })
  return ({ key, timestamp }) => {
    if (key !== null) store.put(key, num(store.get(key)?.value) + 1, timestamp)
  }
}

const dedupe: MakeProcessor = ({ context, keyValue }) => {
  const store = keyValue()
  return record => {
    if (record.key === null) return
    const stored = store.get(record.key)?.value ?? null
    if (record.value === stored) return
    store.put(record.key, record.value, record.timestamp)
    context.forward(record)
  }
}

const holdUntilTick: MakeProcessor = bench => {
  const { context, params } = bench
  const store = bench.keyValue()
  let calls = 0
  const cancel = punctuate(bench, time => {
    for (const [key, row] of [...store.entries()]) {
      context.forward(made(key, row.value, time))
      store.put(key, null, time)
    }
    calls++
    if (calls === params.cancelAfter) cancel()
  })
  return ({ key, value, timestamp }) => {
    if (key === null) return
    const old = store.get(key)
    store.put(key, old === undefined ? show(value) : `${show(old.value)}+${show(value)}`, timestamp)
  }
}

const recentInWindow: MakeProcessor = ({ context, params, windows }) => {
  const store = windows()
  return record => {
    if (record.key === null) return
    store.put(record.key, record.timestamp, record.value, record.timestamp)
    const rows = store.fetch(record.key, Math.max(0, record.timestamp - Number(params.backMs)), record.timestamp)
    context.forward({ ...record, value: Array.from(rows, ([start, row]) => `${show(row.value)}@${start}`).join('+') })
  }
}

const fork: MakeProcessor =
  ({ context, params }) =>
  record => {
    context.forward({ ...record, value: `${show(record.value)}/1` })
    context.forward(made(record.key, `${show(record.value)}/2`, record.timestamp + Number(params.plusMs)))
  }

const metadata: MakeProcessor =
  ({ context }) =>
  record => {
    const { topic, partition, offset } = context.position() ?? { topic: null, partition: -1, offset: -1 }
    context.forward({ ...record, value: `${topic}/${partition}/${offset}/${context.streamTime}/${context.taskId}` })
  }

const lazySchedule: MakeProcessor = bench => {
  const { context } = bench
  let scheduled = false
  return record => {
    context.forward(record)
    if (scheduled) return
    scheduled = true
    punctuate(bench, time => {
      // Kafka Streams hands a punctuator metadata without a topic; here it has no position.
      const known = context.position() === null ? 'meta' : 'of another record'
      context.forward(made('tick', `t=${time},${known},st=${context.streamTime}`, time))
    })
  }
}

type Entries = Iterable<readonly [Some, unknown]>

const storeScan: MakeProcessor = ({ context, params, keyValue }) => {
  const store = keyValue()
  const listed = (rows: Entries): string => Array.from(rows, ([key]) => `${show(key)},`).join('')
  return record => {
    if (record.key === null) return
    store.put(record.key, record.value, record.timestamp)
    const between = listed(store.range(params.lo ?? null, params.hi ?? null))
    const prefixed = listed(store.prefix(Buffer.from(show(params.prefix))))
    context.forward({ ...record, value: `${between}|${listed(store.reverseEntries())}|${prefixed}` })
  }
}

const tag: MakeProcessor =
  ({ context, params }) =>
  record => {
    const header = [show(params.header), Buffer.from(String(record.headers.length))] as const
    context.forward({ ...record, value: `${show(record.value)}'`, headers: [...record.headers, header] })
  }

const runningIndex: MakeProcessor = ({ context, keyValue }) => {
  const store = keyValue()
  return record => {
    if (record.key === null) return context.forward(record)
    const index = num(store.get(record.key)?.value) + 1
    store.put(record.key, index, record.timestamp)
    context.forward({ ...record, value: `${index}:${show(record.value)}` })
  }
}

/** The processors of FORMAT.md section 7 that forward to all their children. */
export const processors: Readonly<Record<string, MakeProcessor>> = {
  countAndPunctuate,
  dedupe,
  holdUntilTick,
  recentInWindow,
  fork,
  metadata,
  lazySchedule,
  storeScan,
  tag,
  runningIndex,
}
