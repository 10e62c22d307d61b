import type { Case, LogRecord, OutRecord } from './case.ts'
import type { Outcome } from './play.ts'

const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value))
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null

/** The first place where two values differ, as one line; undefined when they are equal. */
export function difference(path: string, expected: unknown, actual: unknown): string | undefined {
  if (Object.is(expected, actual) || (expected === 0 && actual === 0)) return undefined
  if (!isObject(expected) || !isObject(actual) || Array.isArray(expected) !== Array.isArray(actual)) {
    return `${path}: expected ${shown(expected)}, got ${shown(actual)}`
  }
  for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    const at = Array.isArray(expected) ? `${path}[${name}]` : `${path}.${name}`
    const found = difference(at, expected[name], actual[name])
    if (found !== undefined) return found
  }
  return undefined
}

/** Records of one step by topic: the order between topics is then free. */
const byTopic = (records: readonly OutRecord[]): unknown => Object.groupBy(records, record => record.topic)

/** A topic that a function chooses is looked up at its first record, which other topics may overtake. */
const choosesTopics = ({ topology }: Case): boolean => topology.some(({ op, topic }) => op === 'to' && topic === undefined)

function expectDifference(of: Case, outcome: Outcome): string | undefined {
  const free = of.manyPending || choosesTopics(of)
  for (const [step, expected] of of.expect.entries()) {
    const actual = outcome.expect[step]
    if (actual === undefined) return undefined
    const found = free ? difference(`expect[${step}]`, byTopic(expected), byTopic(actual)) : difference(`expect[${step}]`, expected, actual)
    if (found !== undefined) return found
  }
  return undefined
}

function stopDifference(of: Case, outcome: Outcome): string | undefined {
  const { stopped } = outcome
  if (of.fails === undefined) return stopped && `step ${stopped.step}: the task stopped: ${stopped.reason}`
  if (stopped === undefined) return `step ${of.fails.step}: expected the task to stop with ${of.fails.errors.join(', ')}, it went on`
  return difference('fails.step', of.fails.step, stopped.step)
}

interface Row {
  readonly key: unknown
  readonly start?: number
  readonly ts?: number
}

/** Rows of window stores: the order of the corpus needs the key's bytes; the order here is by time, then key, on both sides. */
function sortedByTime(rows: readonly Row[]): readonly Row[] {
  const text = ({ key }: Row): string => JSON.stringify(key)
  return [...rows].sort((a, b) => a.start! - b.start! || (text(a) < text(b) ? -1 : 1))
}

function storeDifference(path: string, expected: unknown, actual: unknown): string | undefined {
  if (!Array.isArray(expected) || !Array.isArray(actual)) return difference(path, expected, actual)
  const withTime = expected.some((row: Row) => row.ts !== undefined)
  const rows = withTime ? (actual as Row[]) : (actual as Row[]).map(({ ts: _, ...row }) => row)
  const windowed = [...expected, ...rows].some((row: Row) => row.start !== undefined)
  return windowed ? difference(path, sortedByTime(expected), sortedByTime(rows)) : difference(path, expected, rows)
}

function storesDifference(of: Case, outcome: Outcome): string | undefined {
  for (const [name, rows] of Object.entries(of.stores ?? {})) {
    const found = storeDifference(`stores.${name}`, rows, outcome.stores[name])
    if (found !== undefined) return found
  }
  return undefined
}

const generated = /-STATE-STORE-\d+/

/** Topics of one side, repartition topics or the others. Those of unnamed stores are called by their place among such topics, in the order of what they hold. */
function topicsOf(
  log: Outcome['changelog'],
  repartition: boolean,
  unnamed: (name: string) => boolean,
): Record<string, readonly LogRecord[]> {
  const names = Object.keys(log).filter(name => name.endsWith('-repartition') === repartition)
  const held = (name: string): string => JSON.stringify(log[name])
  const places = names.filter(unnamed).sort((a, b) => (held(a) < held(b) ? -1 : 1))
  const called = (name: string): string => (unnamed(name) ? `unnamed store ${places.indexOf(name) + 1}` : name)
  return Object.fromEntries(names.map(name => [called(name), log[name]!]))
}

/** Records without a time where the case has none: there the producer's clock stamps them. */
const stampless = (records: readonly LogRecord[], like: readonly LogRecord[]): readonly LogRecord[] =>
  records.map((record, i) => (like[i]?.ts === null ? { ...record, ts: null } : record))

/** Records without the last ones of the step that stopped the task, where the case has none of them: Java's driver hands out what was sent when a record is done. */
const whole = (records: readonly LogRecord[], like: readonly LogRecord[], last = Number.POSITIVE_INFINITY): readonly LogRecord[] =>
  records.filter(({ step }, i) => step < last || i < like.length)

function topicsDifference(of: Case, outcome: Outcome, repartition: boolean): string | undefined {
  const expected = topicsOf(of.changelog, repartition, name => generated.test(name))
  const someUnnamed = Object.keys(of.changelog).some(name => generated.test(name))
  const isOurs = (name: string): boolean => someUnnamed && !Object.hasOwn(of.changelog, name)
  const actual = Object.entries(topicsOf(outcome.changelog, repartition, isOurs)).flatMap(([topic, records]) => {
    const like = expected[topic] ?? []
    const counted = whole(stampless(records, like), like, of.fails?.step)
    return counted.length < records.length && counted.length === 0 && like.length === 0 ? [] : [[topic, counted] as const]
  })
  return difference('changelog', expected, Object.fromEntries(actual))
}

function metadataDifference(of: Case, outcome: Outcome): string | undefined {
  return of.commitMetadata && difference('commitMetadata', of.commitMetadata, outcome.commitMetadata)
}

/** The first difference between a case and what Riacho made of it, in the order of FORMAT.md section 9; undefined when there is none. */
export function firstDifference(of: Case, outcome: Outcome): string | undefined {
  const counts = (field: string): boolean => !of.storeSensitive.includes(field)
  return (
    (counts('expect') ? expectDifference(of, outcome) : undefined) ??
    stopDifference(of, outcome) ??
    (counts('droppedRecords') ? difference('droppedRecords', of.droppedRecords, outcome.droppedRecords) : undefined) ??
    (counts('stores') ? storesDifference(of, outcome) : undefined) ??
    (counts('changelog') ? (topicsDifference(of, outcome, true) ?? topicsDifference(of, outcome, false)) : undefined) ??
    (counts('commitMetadata') ? metadataDifference(of, outcome) : undefined)
  )
}
