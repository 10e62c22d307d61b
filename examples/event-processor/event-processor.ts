import {
  type AsyncOptions,
  compositeKey,
  count,
  type KStream,
  minutes,
  persist,
  rekey,
  type Sink,
  type Stream,
  type StreamRecord,
  text,
  toStream,
  triage,
  tumbling,
  validate,
  type Windowed,
  withTimestamp,
} from '@riacho/streams'
import { jsonSchema } from 'riacho'
import type { OperatorFunction } from 'rxjs'

/** Whose event it is; each client has a queue of its own. */
export type Client = 'Client_A' | 'Client_B' | 'Client_C' | 'Client_D'

/** An event as `resource/schema.json` demands it. */
export interface Event {
  readonly uid: string
  readonly context: string
  readonly event_type: 'INSERT' | 'UPDATE' | 'DELETE'
  readonly client: Client
  /** RFC 3339. */
  readonly created_at: string
}

/** What is counted apart. */
export type ClientAndType = { readonly client: string; readonly type: string }

/** Where events come from and where they go: what differs between environments. */
export interface Surroundings {
  readonly lines: KStream<unknown, unknown>
  /** Where each event is stored, one after the other: what one cannot take goes no further. */
  readonly events: readonly Sink<Client, Event>[]
  readonly counts: Sink<Windowed<ClientAndType>, number>
  readonly queue: (client: Client) => OperatorFunction<StreamRecord<Client, Event>, unknown>
  /** Where other services hear of each event that is stored. Absent: nowhere. */
  readonly told?: OperatorFunction<StreamRecord<Client, Event>, unknown> | undefined
}

const eventSchema = jsonSchema<Event>(new URL('resource/schema.json', import.meta.url))
const clientAndType = compositeKey<ClientAndType>({ client: text, type: text })
const invalid = { onError: { deadLetter: 'events-invalid' } }
const retry = { retriesMax: 5, backoff: { min: 50, max: 30_000 } }

/**
 * What is done with an event that a system refuses: it is tried six times in all, with growing pauses, then put aside. A commit waits for what is held, pauses included: so not too
 * much is.
 */
export const persistently: AsyncOptions = {
  retry,
  onError: { deadLetter: 'events-dead' },
  batch: { recordsMax: 500, wait: 20 },
  heldMax: 1000,
}

/** A leap second is the second after it: `Date` knows none. */
const timeOf = ({ created_at: at }: Event): number => (at.includes(':60') ? Date.parse(at.replace(':60', ':59')) + 1000 : Date.parse(at))

/** Validates events, stores each, queues it for its client, and counts them per client, type and minute. Returns the ends of the streams, for `topology`. */
export function eventProcessor(at: Surroundings): readonly Stream<unknown>[] {
  const events = at.lines.pipe(validate(eventSchema, invalid), withTimestamp(timeOf, invalid))

  const byClient = events.pipe(rekey('by-client', event => event.client))
  const stored = at.events.reduce((stream, sink) => stream.pipe(persist(sink, persistently)), byClient)
  const delivered = stored.pipe(
    triage(event => event.client, {
      Client_A: at.queue('Client_A'),
      Client_B: at.queue('Client_B'),
      Client_C: at.queue('Client_C'),
      Client_D: at.queue('Client_D'),
    }),
  )

  const perMinute = events.pipe(
    rekey('by-client-and-type', (event): ClientAndType => ({ client: event.client, type: event.event_type }), { key: clientAndType }),
    count('events-per-minute', { window: tumbling(minutes(1), { grace: minutes(5) }) }),
    toStream(),
    persist(at.counts, { retry }),
  )

  return [delivered, perMinute, ...(at.told === undefined ? [] : [stored.pipe(at.told)])]
}
