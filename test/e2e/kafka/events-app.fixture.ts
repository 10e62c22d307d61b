import { count, json, minutes, rekey, text, to, topic, topology, toStream, triage, tumbling, validate } from '@riacho/streams'
import { z } from 'zod'

/** What the test's events are; `from` is the partition that it came from. */
const clientEvent = z.object({ uid: z.number(), client: z.enum(['A', 'B']), from: z.number() })

/** An event of the test. */
export type ClientEvent = z.infer<typeof clientEvent>

const events = topic('events', { key: text, value: json<unknown>(), onError: { deadLetter: 'invalid' } }).pipe(
  validate(clientEvent, { onError: { deadLetter: 'invalid' } }),
  rekey('by-client', event => event.client),
)

/** The shape of the event processor, from topic to topics: validated, one queue per client, counted per client and minute. */
export default topology(
  'events-app',
  events.pipe(triage(event => event.client, { A: to('queue-A'), B: to('queue-B') })),
  events.pipe(
    count('per-minute', { window: tumbling(minutes(1), { grace: minutes(60) }) }),
    toStream({ key: (_, { key, start }): string => `${key}/${start / 60_000}` }),
    to('counts', { key: text, value: json<number>() }),
  ),
)
