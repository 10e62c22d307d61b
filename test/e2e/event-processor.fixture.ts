import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { embedded } from '@riacho/embedded'
import type { Broker, Headers } from '@riacho/streams/engine'
import { countKey, type Event, recomputeFile } from '../oracle/event-processor.ts'

/** The example as its user starts it. */
export const startFile = fileURLToPath(new URL('../../examples/event-processor/start.ts', import.meta.url))

/** The command, from its source. */
export const riachoFile = fileURLToPath(new URL('../../packages/riacho/src/main.ts', import.meta.url))

/** How a process ended. */
export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly error: string
}

/** A process that runs, and what it has said so far. */
export interface Started {
  readonly child: ChildProcess
  readonly text: { out: string; error: string }
  readonly ended: Promise<Ended>
}

/** Runs a TypeScript file with Node. Nothing of the caller's own settings gets in. */
export function node(file: string, args: readonly string[], cwd?: string, more: Readonly<Record<string, string>> = {}): Started {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('RIACHO_'))
  const environment = { ...Object.fromEntries(own), ...more }
  const child = spawn(process.execPath, [file, ...args], { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  const text = { out: '', error: '' }
  child.stdout?.setEncoding('utf8').on('data', chunk => {
    text.out += chunk
  })
  child.stderr?.setEncoding('utf8').on('data', chunk => {
    text.error += chunk
  })
  return { child, text, ended: once(child, 'close').then(([code]) => ({ code, ...text })) }
}

/** Runs the example on a directory, on any free port unless the arguments name one. */
export const example = (directory: string, ...args: string[]): Started =>
  node(startFile, ['--data-dir', directory, ...(args.includes('--http-port') ? [] : ['--http-port', '0']), ...args])

/** Everything that the example has made of its file, or should have: plain values that can be compared. */
export interface Outcome {
  /** By uid, as SQLite holds them. */
  readonly rows: Readonly<Record<string, Event>>
  /** Dead letters in their order: line number and original bytes. */
  readonly invalid: readonly { readonly line: number; readonly bytes: string }[]
  /** By client: the events of its topic, in order. */
  readonly queues: Readonly<Record<string, readonly Event[]>>
  readonly counts: Readonly<Record<string, number>>
}

const clients = ['Client_A', 'Client_B', 'Client_C', 'Client_D']
const written = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
const columns = ({ uid, context, event_type, client, created_at }: Event): Event => ({ uid, context, event_type, client, created_at })

/** What the oracle says of `events.txt`. */
export function expected(directory: string): Outcome & { readonly late: number } {
  const { rows, invalid, queues, counts, late } = recomputeFile(join(directory, 'events.txt'))
  return {
    rows: Object.fromEntries([...rows].map(([uid, event]) => [uid, columns(event)])),
    invalid: invalid.map(({ line, bytes }) => ({ line, bytes: written(bytes) })),
    queues: Object.fromEntries(queues),
    counts: Object.fromEntries(counts),
    late,
  }
}

/** What is there: SQLite's tables, and the topics as a read_committed reader in another process sees them. */
export async function outcome(directory: string): Promise<Outcome> {
  const broker = await embedded({ directory, readOnly: true, autoCreateTopics: false })
  try {
    const queues: Record<string, readonly Event[]> = {}
    for (const client of clients) {
      const letters = await readTopic(broker, `${client}.fifo`)
      queues[client] = letters.map(({ value }) => JSON.parse(String(value)) as Event)
    }
    const invalid = (await readTopic(broker, 'events-invalid')).map(({ value, headers }) => ({
      line: Number(headerOf(headers, '__streams.errors.offset')),
      bytes: written(value ?? new Uint8Array(0)),
    }))
    return { ...tables(directory), queues, invalid }
  } finally {
    await broker.close()
  }
}

/** Rows of a query on the example's database; none while it, or its table, is not there. */
export function query(directory: string, sql: string): readonly Readonly<Record<string, unknown>>[] {
  const path = join(directory, 'events.db')
  if (!existsSync(path)) return []
  const database = new DatabaseSync(path, { readOnly: true, timeout: 1000 })
  try {
    return database.prepare(sql).all()
  } catch (thrown) {
    if (String(thrown).includes('no such table')) return []
    throw thrown
  } finally {
    database.close()
  }
}

/** Events that are stored. */
export const rowsStored = (directory: string): number => Number(query(directory, 'SELECT count(*) AS n FROM event_message')[0]?.n ?? 0)

function tables(directory: string): Pick<Outcome, 'rows' | 'counts'> {
  const rows = query(directory, 'SELECT * FROM event_message').map(row => ({ ...row }) as unknown as Event)
  const counts = query(directory, 'SELECT * FROM events_per_minute')
  return {
    rows: Object.fromEntries(rows.map(row => [row.uid, row])),
    counts: Object.fromEntries(
      counts.map(row => [countKey(String(row.client), String(row.event_type), Number(row.window_start)), Number(row.count)]),
    ),
  }
}

/** A record of a topic, copied. */
export interface Letter {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: Headers
}

/** The committed records of partition 0, in order; none when there is no such topic. */
export async function readTopic(broker: Broker, topic: string, partition = 0): Promise<readonly Letter[]> {
  const letters: Letter[] = []
  if (!(await broker.admin.partitions([topic])).has(topic)) return letters
  const [offsets] = await broker.admin.offsets([{ topic, partition }])
  const fetcher = broker.fetcher({ isolation: 'read_committed' })
  try {
    fetcher.add({ topic, partition }, offsets!.start)
    for (let position = offsets!.start; position < offsets!.lastStable; ) {
      for (const slice of await fetcher.poll(1000)) {
        const cursor = slice.cursor()
        while (cursor.next()) {
          const { keyFrame, keyStart, keyEnd, valueFrame, valueStart, valueEnd } = cursor
          letters.push({
            key: keyStart < 0 ? null : Buffer.from(keyFrame.subarray(keyStart, keyEnd)),
            value: valueStart < 0 ? null : Buffer.from(valueFrame.subarray(valueStart, valueEnd)),
            headers: cursor.headers(),
          })
        }
        position = cursor.position
        slice.release()
      }
    }
  } finally {
    fetcher.close()
  }
  return letters
}

/** The text of a header; empty when it is not there. */
export const headerOf = (headers: Headers, name: string): string => {
  const value = headers.find(([found]) => found === name)?.[1]
  return value === undefined || value === null ? '' : Buffer.from(value).toString()
}

/** Waits until it is so; rejects, with what it was about, after `limit` milliseconds. It looks again after `pause` milliseconds. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string, limit: number, pause = 20): Promise<void> {
  const end = performance.now() + limit
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`after ${limit} ms still not: ${what}`)
    await new Promise(resolve => setTimeout(resolve, pause))
  }
}
