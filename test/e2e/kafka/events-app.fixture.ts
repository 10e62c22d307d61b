import { count, json, minutes, rekey, text, to, topic, topology, toStream, triage, tumbling, validate } from '@riacho/streams'
import { z } from 'zod'
import { namesOf } from './event-names.ts'

const clientEvent = z.object({ uid: z.number(), client: z.enum(['A', 'B']), from: z.number() })

const names = namesOf(process.env.EVENTS_RUN ?? '')
const onError = { deadLetter: names.invalid }

const events = topic(names.events, { key: text, value: json<unknown>(), onError }).pipe(
  validate(clientEvent, { onError }),
  rekey('by-client', event => event.client),
)

/** The shape of the event processor, from topic to topics: validated, one queue per client, counted per client and minute. */
export default topology(
  names.application,
  events.pipe(triage(event => event.client, { A: to(names.queue('A')), B: to(names.queue('B')) })),
  events.pipe(
    count('per-minute', { window: tumbling(minutes(1), { grace: minutes(60) }) }),
    toStream({ key: (_, { key, start }): string => `${key}/${start / 60_000}` }),
    to(names.counts, { key: text, value: json<number>() }),
  ),
)
