import type { Event } from '../../oracle/event-processor.ts'
import type { Production } from '../../oracle/production.ts'
import { type Outside, reasonsOf } from './outside.ts'
import type { Refuser, Try } from './refusals.ts'

/** What was looked at, and what is wrong with it; undefined when nothing is. */
export interface Check {
  readonly name: string
  readonly wrong: string | undefined
}

const shown = 3

const listed = (differences: readonly string[]): string | undefined =>
  differences.length === 0 ? undefined : `${differences.length} differ: ${differences.slice(0, shown).join('; ')}`

const columns = ({ uid, context, event_type, client, created_at }: Event): string =>
  JSON.stringify({ uid, context, event_type, client, created_at })

/** What differs between two maps, whose values are compared as `text` writes them. */
function mapsDiffer<V>(found: ReadonlyMap<string, V>, expected: ReadonlyMap<string, V>, text: (value: V) => string): string | undefined {
  const keys = new Set([...found.keys(), ...expected.keys()])
  const written = (of: ReadonlyMap<string, V>, key: string): string => (of.has(key) ? text(of.get(key)!) : 'nothing')
  const differences = [...keys].filter(key => written(found, key) !== written(expected, key))
  return listed(differences.map(key => `${key} is ${written(found, key)}, not ${written(expected, key)}`))
}

/** Where two lists differ. */
function listsDiffer(found: readonly string[], expected: readonly string[]): string | undefined {
  const differences = Array.from({ length: Math.max(found.length, expected.length) }, (_, i) => i).filter(i => found[i] !== expected[i])
  return listed(differences.map(i => `number ${i} is ${found[i] ?? 'missing'}, not ${expected[i] ?? 'there'}`))
}

/** Compares what the servers hold, and what their queues held, with the recomputation. */
export async function compareServers(
  outside: Outside,
  messages: ReadonlyMap<string, readonly Event[]>,
  expected: Production,
): Promise<readonly Check[]> {
  const checks: Check[] = []
  const check = (name: string, wrong: string | undefined) => checks.push({ name, wrong })
  check(`${expected.rows.size} rows of Cassandra`, mapsDiffer(await outside.rows(), expected.rows, columns))
  check(`${expected.rows.size} items of DynamoDB`, mapsDiffer(await outside.items(), expected.rows, columns))
  check(`${expected.counts.size} windows`, mapsDiffer(await outside.counts(), expected.counts, String))
  for (const [client, events] of expected.queues) {
    const found = messages.get(client) ?? []
    check(`${events.length} messages of ${client}.fifo in order`, listsDiffer(found.map(columns), events.map(columns)))
  }
  const told = await outside.told()
  for (const [client, events] of expected.told)
    check(
      `${events.length} events of ${client} that others are told of in Avro, each once and in order`,
      listsDiffer((told.get(client) ?? []).map(columns), events.map(columns)),
    )
  checks.push(...(await compareLetters(outside, expected)))
  return checks
}

async function compareLetters(outside: Outside, { invalid, dead }: Production): Promise<readonly Check[]> {
  const text = (offset: number, bytes: Uint8Array): string => `${offset} ${Buffer.from(bytes)}`
  const letters = await outside.letters('events-invalid')
  const lines = letters.map(letter => text(reasonsOf(letter).offset, letter.value ?? Buffer.alloc(0)))
  const unexplained = letters.filter(letter => reasonsOf(letter).reason === '').length
  const wrong = listsDiffer(
    lines,
    invalid.map(({ offset, bytes }) => text(offset, bytes)),
  )
  const found = new Map<string, string>()
  for (const letter of await outside.letters('events-dead')) {
    const { uid, client } = JSON.parse(String(letter.value)) as Event
    const { node, attempts, retryCount } = reasonsOf(letter)
    const where = node === `sqs-${client}.fifo` ? 'queued' : node === 'scylla-event_message' ? 'stored' : node
    found.set(uid, `${found.has(uid) ? 'twice ' : ''}${where}, ${attempts} tries, RetryCount ${retryCount}`)
  }
  const expected = new Map([...dead].map(([uid, { system, tries }]) => [uid, `${system}, ${tries} tries, RetryCount ${tries - 1}`]))
  return [
    {
      name: `${invalid.length} dead letters of lines that are no events, with reasons`,
      wrong: wrong ?? (unexplained > 0 ? `${unexplained} have no reason` : undefined),
    },
    { name: `${dead.size} dead letters of events that were refused for ever`, wrong: mapsDiffer(found, expected, String) },
  ]
}

/** Compares how often each event was tried, as the one in the way has counted. */
export function compareTries(where: string, refuser: Refuser, expected: ReadonlyMap<string, number>): readonly Check[] {
  const refused = new Map([...expected.keys()].map(uid => [uid, refuser.tries.get(uid)?.length ?? 0]))
  const others = [...refuser.tries].filter(([uid, tries]) => !expected.has(uid) && tries.length > 1)
  return [
    {
      name: `${expected.size} events refused where they are ${where}: tried as often as they must`,
      wrong: mapsDiffer(refused, expected, String),
    },
    {
      name: `other events tried once where they are ${where}`,
      wrong: listed(others.map(([uid, tries]) => `${uid} ${tries.length} times`)),
    },
  ]
}

/** The tries after the first say how many there were. */
export function compareRetryCounts(refuser: Refuser, expected: ReadonlyMap<string, number>): Check {
  const said = (tries: readonly Try[]): string => tries.map(({ retryCount }) => retryCount ?? 'none').join()
  const found = new Map([...expected.keys()].map(uid => [uid, said(refuser.tries.get(uid) ?? [])]))
  const wanted = new Map([...expected].map(([uid, tries]) => [uid, Array.from({ length: tries }, (_, i) => i || 'none').join()]))
  return { name: 'messages say how often they were sent again', wrong: mapsDiffer(found, wanted, String) }
}

/** The mean pause before each try again, milliseconds, of the events that a system has always refused. The first holds the rest of the batch, too. */
export function meanPauses(refuser: Refuser): readonly number[] {
  const tried = [...refuser.tries.values()].filter(tries => tries.length === 6)
  return [1, 2, 3, 4, 5].map(n => tried.reduce((sum, tries) => sum + tries[n]!.at - tries[n - 1]!.at, 0) / tried.length)
}

/** Whether pauses grow. */
export function comparePauses(where: string, pauses: readonly number[]): Check {
  const grow = pauses.slice(2).every((pause, i) => pause > pauses[i + 1]!)
  const mean = pauses.map(pause => `${pause.toFixed(0)} ms`).join(', ')
  return { name: `pauses grow where events are ${where}`, wrong: grow ? undefined : `they are ${mean} in the mean` }
}
