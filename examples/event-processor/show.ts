import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describeJson, type Topology } from '@riacho/streams'
import type { Running } from 'riacho'

type Metrics = ReturnType<Running['app']['metrics']>

const number = (value: number): string => value.toLocaleString('en')

/** A plan in one line per sub-topology: what it reads, does and writes. */
export function drawing(topology: Topology): readonly string[] {
  return describeJson(topology).subTopologies.map(({ index, nodes }) => {
    const named = (type: string): string[] =>
      nodes
        .filter(node => node.type === type && !node.name.includes(':'))
        .map(({ name }) => name.replace(/-repartition-(source|sink)$/, ''))
    const steps = [named('source').join(', '), ...named('processor'), named('sink').join(', ')]
    return `  ${index}  ${steps.filter(step => step !== '').join(' → ')}`
  })
}

/** What SQLite holds: stored events by client, windows and the events counted in them. */
export interface Stored {
  readonly clients: Readonly<Record<string, number>>
  readonly events: number
  readonly windows: number
  readonly counted: number
}

/** Reads the database beside the application; nothing is stored while there is none. */
export function stored(directory: string): Stored {
  const path = join(directory, 'events.db')
  const none = { clients: {}, events: 0, windows: 0, counted: 0 }
  if (!existsSync(path)) return none
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    const tables = database.prepare(`SELECT name FROM sqlite_master WHERE name IN ('event_message', 'events_per_minute')`).all()
    if (tables.length < 2) return none
    const rows = database.prepare('SELECT client, count(*) AS events FROM event_message GROUP BY client ORDER BY client').all()
    const windows = database.prepare('SELECT count(*) AS windows, coalesce(sum(count), 0) AS counted FROM events_per_minute').get()
    const clients = Object.fromEntries(rows.map(({ client, events }) => [String(client), Number(events)]))
    const events = Object.values(clients).reduce((sum, one) => sum + one, 0)
    return { clients, events, windows: Number(windows?.windows), counted: Number(windows?.counted) }
  } finally {
    database.close()
  }
}

const perClient = ({ clients }: Stored): string =>
  Object.entries(clients)
    .map(([client, events]) => `${client} ${number(events)}`)
    .join(', ')

/** Records that are left to read, in all inputs; undefined until it is known. */
export const lagOf = ({ lag }: Metrics): number | undefined =>
  lag.length === 0 ? undefined : lag.reduce((sum, { records }) => sum + records, 0)

/** What this run has taken out of the file: valid lines move on by client, the others are dead letters. */
function taken(metrics: Metrics): { readonly lines: number; readonly valid: number; readonly dead: number } {
  const valid = metrics.nodes['by-client'] ?? 0
  const invalid = metrics.deadLettersByTopic['events-invalid'] ?? 0
  return { lines: valid + invalid, valid, dead: metrics.deadLetters }
}

/** The line that is refreshed: what this run has read, what is stored in all, what is left. */
export function statusLine(metrics: Metrics, now: Stored): string {
  const { lines, valid, dead } = taken(metrics)
  const read = `in ${number(lines)} · valid ${number(valid)} · dead ${number(dead)}`
  return `${read} · stored ${perClient(now) || 'nothing yet'} · lag ${lagOf(metrics) ?? '?'}`
}

/** What a run that ended has done, and what there is now. */
export function summary(metrics: Metrics, now: Stored): readonly string[] {
  const { lines, valid, dead } = taken(metrics)
  const late = metrics.dropped.late ?? 0
  return [
    `this run   ${number(lines)} lines: ${number(valid)} valid, ${number(dead)} dead letters, ${number(late)} too late for their window`,
    `stored     ${number(now.events)} events${now.events === 0 ? '' : `: ${perClient(now)}`}`,
    `counted    ${number(now.counted)} events in ${number(now.windows)} windows of a minute`,
  ]
}

/** A line in place on a terminal; else a line when it has changed. */
export function refreshing(write: (text: string) => void, terminal: boolean): { show(line: string): void; end(): void } {
  let last = ''
  return {
    show(line) {
      if (line !== last) write(terminal ? `\r\u001b[K${line}` : `${line}\n`)
      last = line
    },
    end() {
      if (!terminal || last === '') return
      write('\n')
      last = ''
    },
  }
}
