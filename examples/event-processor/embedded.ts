import { join } from 'node:path'
import { file } from '@riacho/file'
import { sqlite } from '@riacho/sqlite'
import { json, type Source, source, type Topology, to, topology } from '@riacho/streams'
import { type Client, type ClientAndType, type Event, eventProcessor } from './event-processor.ts'

/** Where `npm start` keeps events, database and broker. */
export const defaultDirectory = '.riacho/event-processor'

/** The event processor on one machine: lines of `events.txt` in, rows of `events.db` and one FIFO topic per client out. `read` may wrap the source. */
export function embedded(directory: string, read = (lines: Source<null, unknown>) => lines): Topology {
  const path = join(directory, 'events.db')
  const lines = file({ path: join(directory, 'events.txt'), value: json<unknown>() })
  return topology(
    'event-processor',
    ...eventProcessor({
      lines: source(read(lines), { onError: { deadLetter: 'events-invalid' } }),
      events: [
        sqlite<Client, Event, keyof Event>({
          path,
          table: 'event_message',
          columns: { uid: 'TEXT', context: 'TEXT', event_type: 'TEXT', client: 'TEXT', created_at: 'TEXT' },
          key: ['uid'],
          row: ({ uid, context, event_type, client, created_at }) => ({ uid, context, event_type, client, created_at }),
        }),
      ],
      counts: sqlite({
        path,
        table: 'events_per_minute',
        columns: { client: 'TEXT', event_type: 'TEXT', window_start: 'INTEGER', count: 'INTEGER' },
        key: ['client', 'event_type', 'window_start'],
        row: (count: number, { key: { key, start } }: { key: { key: ClientAndType; start: number } }) => ({
          client: key.client,
          event_type: key.type,
          window_start: start,
          count,
        }),
      }),
      queue: client => to(`${client}.fifo`),
    }),
  )
}

export default embedded(defaultDirectory)
