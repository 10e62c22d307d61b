import type { StoreSuppliers } from '@riacho/streams/engine'
import { type TestDriver, testDriver } from '@riacho/testing'
import type { Case, LogRecord, OutRecord, StepSpec } from './case.ts'
import { interpret } from './interpreter.ts'
import type { Drawing, TopicSerdes } from './interpreter-drawing.ts'
import { decoded, encoded, hexOf, textOf } from './serdes.ts'
import { historyOf, rowsOf } from './stores.ts'

/** What Riacho made of a case, written as the case writes it. */
export interface Outcome {
  /** Records that reached written topics, by step; ends with the step before one that stopped the task. */
  readonly expect: readonly (readonly OutRecord[])[]
  readonly droppedRecords: number
  /** Rows by store, of the stores that the case lists. */
  readonly stores: Readonly<Record<string, unknown>>
  /** Records of internal topics. */
  readonly changelog: Readonly<Record<string, readonly LogRecord[]>>
  /** Of the topics that the case lists. */
  readonly commitMetadata: Readonly<Record<string, string | null>>
  readonly stopped?: { readonly step: number; readonly reason: string }
}

type Sent = ReturnType<TestDriver['sent']>[number]

const isInternal = (application: string, topic: string): boolean =>
  topic.startsWith(`${application}-`) && /-(repartition|changelog|topic)$/.test(topic)

function serdesOfSink(drawing: Drawing, topic: string): TopicSerdes {
  const known = drawing.sinks.get(topic)
  if (known !== undefined) return known
  const prefixes = [...drawing.sinkPrefixes.keys()].filter(prefix => topic.startsWith(prefix))
  const longest = prefixes.sort((a, b) => b.length - a.length)[0]
  if (longest === undefined) throw new Error(`a record was sent to ${topic}, which the topology does not name`)
  return drawing.sinkPrefixes.get(longest)!
}

function outRecord(sent: Sent, drawing: Drawing, withBytes: boolean): OutRecord {
  const serdes = serdesOfSink(drawing, sent.topic)
  return {
    topic: sent.topic,
    key: decoded(serdes.key, sent.key),
    value: decoded(serdes.value, sent.value),
    ts: sent.timestamp,
    ...(sent.headers.length > 0 ? { headers: sent.headers.map(([name, value]) => [name, textOf(value)] as const) } : {}),
    ...(withBytes ? { keyHex: hexOf(sent.key), valueHex: hexOf(sent.value) } : {}),
  }
}

const logRecord = (sent: Sent, step: number): LogRecord => ({
  step,
  keyHex: hexOf(sent.key),
  valueHex: hexOf(sent.value),
  ts: sent.timestamp,
  ...(sent.headers.length > 0 ? { headers: sent.headers.map(([name, value]) => [name, hexOf(value)] as const) } : {}),
})

const guarantees = { at_least_once: 'at-least-once', exactly_once_v2: 'exactly-once' } as const

async function take(step: StepSpec, driver: TestDriver, drawing: Drawing): Promise<void> {
  if ('advanceWallClock' in step) {
    await driver.advance(step.advanceWallClock)
    return
  }
  const { topic, key, value, valueHex, ts, headers } = step.in
  const serdes = drawing.sources.get(topic)
  if (serdes === undefined) throw new Error(`the case feeds ${topic}, which its topology does not read`)
  await driver.pipe(topic, {
    key: encoded(serdes.key, key),
    value: valueHex === undefined ? encoded(serdes.value, value ?? null) : Buffer.from(valueHex, 'hex'),
    timestamp: ts,
    headers: (headers ?? []).map(([name, text]) => [name, text === null ? null : Buffer.from(text)] as const),
  })
}

/** Feeds the steps one by one; sorts what was sent by step and by topic. */
async function feed(of: Case, driver: TestDriver, drawing: Drawing) {
  const expect: OutRecord[][] = []
  const changelog: Record<string, LogRecord[]> = {}
  let stopped: Outcome['stopped']
  for (const [step, spec] of of.steps.entries()) {
    try {
      await take(spec, driver, drawing)
    } catch (thrown) {
      stopped = { step, reason: thrown instanceof Error ? thrown.message : String(thrown) }
    }
    const sent = driver.sent()
    for (const one of sent.filter(({ topic }) => isInternal(of.application, topic))) {
      changelog[one.topic] ??= []
      changelog[one.topic]!.push(logRecord(one, step))
    }
    if (stopped !== undefined) break
    const out = sent.filter(({ topic }) => !isInternal(of.application, topic))
    expect.push(out.map(one => outRecord(one, drawing, of.config.outputBytes === true)))
  }
  return { expect, changelog, ...(stopped === undefined ? {} : { stopped }) }
}

/** What Kafka Streams counts as dropped: it does not count records that meet no row. */
function droppedOf(driver: TestDriver): number {
  const counted = Object.entries(driver.dropped()).filter(([reason]) => reason !== 'no-match')
  return counted.reduce((sum, [, n]) => sum + n, 0)
}

/** What a store holds, written as the case writes it: `like` is what the case expects. */
function storeOf(of: Case, name: string, like: unknown, driver: TestDriver, drawing: Drawing): unknown {
  const store = driver.store(name)
  const probes = (like as { readonly probes?: readonly number[] }).probes
  if (probes === undefined) return rowsOf(store, drawing.windowSizes.get(name))
  const keys = new Set(of.steps.flatMap(step => ('in' in step && step.in.key !== null ? [step.in.key] : [])))
  return historyOf(store, probes, [...keys].sort())
}

/** Plays a case on the test driver. Throws when the plan cannot be drawn. */
export async function play(of: Case, stores?: StoreSuppliers): Promise<Outcome> {
  const { topology, drawing } = interpret(of)
  const options = { wallClock: of.config.wallClockStartMs, guarantee: guarantees[of.config.guarantee] }
  const driver = await testDriver(topology, { ...options, ...(stores && { stores }) })
  try {
    const fed = await feed(of, driver, drawing)
    const metadata = Object.keys(of.commitMetadata ?? {}).map(topic => [topic, driver.committed(topic)?.metadata ?? null] as const)
    const stores = Object.entries(of.stores ?? {}).map(([name, like]) => [name, storeOf(of, name, like, driver, drawing)] as const)
    return {
      ...fed,
      droppedRecords: droppedOf(driver),
      stores: Object.fromEntries(stores),
      commitMetadata: Object.fromEntries(metadata),
    }
  } finally {
    await driver.close()
  }
}
