import {
  branch,
  compositeKey,
  count,
  deadLetters,
  filter,
  int64,
  json,
  type KStream,
  type KTable,
  mapAsync,
  mapValues,
  minutes,
  persist,
  rekey,
  rx,
  type Schema,
  type Sink,
  type Source,
  source,
  type Topology,
  text,
  to,
  topic,
  topology,
  toStream,
  triage,
  tumbling,
  updates,
  validate,
  type Windowed,
  withTimestamp,
} from '@riacho/streams'
import { map as rxMap } from 'rxjs'
import { expectTypeOf } from 'vitest'

type Client = 'Client_A' | 'Client_B' | 'Client_C' | 'Client_D'
interface Event {
  readonly uid: string
  readonly context: string
  readonly event_type: 'INSERT' | 'UPDATE' | 'DELETE'
  readonly client: Client
  readonly created_at: string
}
declare const eventSchema: Schema<Event>
declare const lines: Source<string, unknown>
declare function sink<K, V>(options: { readonly row: (value: V, record: { readonly key: K }) => Record<string, unknown> }): Sink<K, V>
const retry = { retriesMax: 5, backoff: { min: 200, max: 30_000 } }

interface Ends {
  readonly events: Sink<Client, Event>
  readonly counts: Sink<Windowed<{ client: string; type: string }>, number>
  readonly queue: (client: Client) => Sink<Client, Event>
}

/** The main job, as a function of its sinks: everything is inferred. */
export const eventProcessor = (at: Ends): Topology => {
  const events = topic('stream_producer', { key: text, value: json<unknown>(), onError: { deadLetter: 'events-invalid' } }).pipe(
    validate(eventSchema, { onError: { deadLetter: 'events-invalid' } }),
    withTimestamp(event => Date.parse(event.created_at), { onError: { deadLetter: 'events-invalid' } }),
  )
  expectTypeOf(events).toEqualTypeOf<KStream<string, Event>>()
  const delivered = events.pipe(
    rekey('by-client', event => event.client),
    persist(at.events, { retry, onError: { deadLetter: 'events-dead' }, batch: { recordsMax: 500, wait: 20 } }),
    triage(event => event.client, {
      Client_A: persist(at.queue('Client_A')),
      Client_B: persist(at.queue('Client_B')),
      Client_C: persist(at.queue('Client_C')),
      Client_D: persist(at.queue('Client_D')),
    }),
  )
  expectTypeOf(delivered).toEqualTypeOf<KStream<Client, Event>>()
  const perMinute = events.pipe(
    rekey('by-client-and-type', event => ({ client: event.client as string, type: event.event_type as string }), {
      key: compositeKey({ client: text, type: text }),
    }),
    count('events-per-minute', { window: tumbling(minutes(1), { grace: minutes(5) }) }),
    toStream(),
    persist(at.counts),
  )
  const failures = deadLetters('events-dead').pipe(
    filter(letter => letter.code === 'RIACHO_ASYNC'),
    to('alerts', { value: json() }),
  )
  return topology('event-processor', delivered, perMinute, failures)
}

eventProcessor({
  events: sink({ row: event => ({ UUID: event.uid, ...event }) }),
  counts: sink({ row: (n, record) => ({ n, ...record.key.key, minute: new Date(record.key.start) }) }),
  queue: client => sink({ row: event => ({ client, uid: event.uid }) }),
})

/** The example of design.md, section 1: a sink made in place. */
export const inPlace = topology(
  'event-processor',
  source(lines, { onError: { deadLetter: 'events-invalid' } }).pipe(
    validate(eventSchema, { onError: { deadLetter: 'events-invalid' } }),
    rekey('by-client', event => event.client),
    persist(sink({ row: event => ({ ...event }) }), { retry: { retriesMax: 5 }, onError: { deadLetter: 'events-dead' } }),
    count('events-per-client', { window: tumbling(minutes(1), { grace: minutes(5) }) }),
    updates(),
    to('events-per-client', { value: int64 }),
  ),
)

// What else the systems write.
const events = topic('e', { key: text, value: json<Event>() })
const routed = events.pipe(
  triage(event => event.client, { Client_A: to('a'), Client_B: to('a'), Client_C: to('a'), Client_D: mapValues(event => event.uid) }),
)
expectTypeOf(routed).toEqualTypeOf<KStream<string, string>>()
const guest = events.pipe(
  rx(rxMap(record => ({ ...record, value: record.value.uid }))),
  filter(uid => uid.length > 1),
)
expectTypeOf(guest).toEqualTypeOf<KStream<string, string>>()
const { inserts, rest } = branch(events, { inserts: event => event.event_type === 'INSERT' })
expectTypeOf(inserts).toEqualTypeOf<KStream<string, Event>>()
expectTypeOf(rest).toEqualTypeOf<KStream<string, Event>>()
const replies = events.pipe(
  mapAsync(async (event, _record, signal) => ({ ok: !signal.aborted, uid: event.uid })),
  to(record => String(record.headers.find(([name]) => name === 'reply-to')?.[1]), { value: json() }),
)
topology('replies', replies, rest.pipe(to('events-unknown')))
const perClient = events.pipe(
  rekey('by-client', event => event.client),
  count('per-client'),
)
expectTypeOf(perClient).toEqualTypeOf<KTable<Client, number>>()
