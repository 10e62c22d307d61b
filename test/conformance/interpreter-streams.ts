import { branch, filter, filterNot, flatMap, flatMapValues, map, mapValues, merge, repartition, tap, to, topic } from '@riacho/streams'
import type { NodeSpec } from './case.ts'
import { flatMapper, flatValueMapper, keySelector, predicate, timestampAfterAt, valueMapper } from './functions.ts'
import { choosing, type Draw, type Drawing, field, type Message, type Records, serdesOf } from './interpreter-drawing.ts'
import { type Datum, Missing, show } from './show.ts'

type Operator = (stream: Records) => Records

/** An operator of one stream that leaves the key as it is. */
const keepsKey =
  (make: (node: NodeSpec) => Operator): Draw =>
  (node, drawing) =>
    drawing.put(node.id, make(node)(drawing.input(node)), drawing.scattered(node.from[0]))

/** An operator of one stream after which equal keys may be anywhere. */
const changesKey =
  (make: (node: NodeSpec) => Operator): Draw =>
  (node, drawing) =>
    drawing.put(node.id, make(node)(drawing.input(node)), true)

const extractors: Readonly<Record<string, object>> = {
  skipInvalid: { invalidTimestamp: 'skip' },
  partitionTimeIfInvalid: { invalidTimestamp: 'partitionTime' },
  afterAt: { timestamp: timestampAfterAt },
}

function timestamps(node: NodeSpec): object {
  if (node.timestamps === undefined || node.timestamps === null) return {}
  const options = extractors[field(node, 'timestamps')]
  if (options === undefined) throw new Missing(`timestamp extractor ${node.timestamps}`)
  return options
}

function drawSource(node: NodeSpec, drawing: Drawing): void {
  const serdes = serdesOf(node)
  const topics = node.topics ?? [field(node, 'topic')]
  for (const name of topics) drawing.sources.set(name, serdes)
  const onError = drawing.of.config.onDeserializationError === 'continue' ? 'skip' : 'fail'
  // Kafka Streams makes one source of all that read the same topics.
  const make = () => topic(topics, { ...serdes, nulls: 'keep', onError, ...timestamps(node) })
  drawing.put(node.id, drawing.store<Records>(`source ${topics.join()}`, make))
}

function drawSplit(node: NodeSpec, drawing: Drawing): void {
  const scattered = drawing.scattered(node.from[0])
  const branches = node.branches ?? []
  const tests = branches.map(({ predicate: text }, i) => {
    const holds = predicate(text)
    return [`branch${i}`, (value: Datum, record: Message) => holds(record.key, value)] as const
  })
  const outputs: Readonly<Record<string, Records>> = branch(drawing.input(node), Object.fromEntries(tests))
  const name = (i: number): string => `${node.id}:${branches[i]?.name}`
  tests.forEach(([output], i) => {
    drawing.putOutput(name(i), outputs[output]!, scattered)
  })
  if (typeof node.default === 'string') drawing.putOutput(`${node.id}:${node.default}`, outputs.rest!, scattered)
}

function drawMerge(node: NodeSpec, drawing: Drawing): void {
  const scattered = node.from.some(id => drawing.scattered(id))
  // Kafka Streams merges two at a time, and has one way from a stream to a merge.
  const merged = node.from.map(id => drawing.records(id)).reduce((all, next) => merge(...new Set([all, next])))
  drawing.put(node.id, merged, scattered)
}

function drawRepartition(node: NodeSpec, drawing: Drawing): void {
  const partitions = node.partitions === undefined ? {} : { partitions: node.partitions }
  drawing.put(node.id, drawing.input(node).pipe(repartition(field(node, 'name'), { ...serdesOf(node), ...partitions, merge: false })))
}

function drawSink(node: NodeSpec, drawing: Drawing): void {
  const serdes = serdesOf(node)
  const from = drawing.input(node)
  if (node.topic !== undefined) {
    drawing.sinks.set(node.topic, serdes)
    drawing.put(node.id, from.pipe(to(node.topic, serdes)))
    return
  }
  const prefix = field(node, 'topicPrefix')
  const by = keySelector(field(node, 'topicBy'))
  drawing.sinkPrefixes.set(prefix, serdes)
  drawing.put(node.id, from.pipe(to((record: Message) => prefix + show(by(record.key, record.value)), serdes)))
}

/** The operators of streams that keep no state. */
export const streamOperators: Readonly<Record<string, Draw>> = {
  stream: drawSource,
  split: drawSplit,
  merge: drawMerge,
  repartition: drawRepartition,
  to: drawSink,
  peek: keepsKey(() => stream => stream.pipe(tap(() => {}))),
  filter: keepsKey(node => {
    const holds = predicate(field(node, 'predicate'))
    return stream => stream.pipe(filter((value: Datum, record: Message) => holds(record.key, value)))
  }),
  filterNot: keepsKey(node => {
    const holds = predicate(field(node, 'predicate'))
    return stream => stream.pipe(filterNot((value: Datum, record: Message) => holds(record.key, value)))
  }),
  mapValues: keepsKey(node => {
    const mapped = valueMapper(field(node, 'map'))
    return stream => stream.pipe(mapValues((value: Datum, record: Message) => mapped(record.key, value)))
  }),
  flatMapValues: keepsKey(node => {
    const mapped = flatValueMapper(field(node, 'map'))
    return stream => stream.pipe(flatMapValues((value: Datum, record: Message) => mapped(record.key, value)))
  }),
  selectKey: changesKey(node => {
    const chosen = choosing(field(node, 'by'))
    return stream => stream.pipe(chosen)
  }),
  map: changesKey(node => {
    const key = keySelector(field(node, 'mapKey'))
    const mapped = valueMapper(field(node, 'mapValue'))
    return stream => stream.pipe(map((value: Datum, record: Message) => [key(record.key, value), mapped(record.key, value)] as const))
  }),
  flatMap: changesKey(node => {
    const mapped = flatMapper(field(node, 'map'))
    return stream => stream.pipe(flatMap((value: Datum, record: Message) => mapped(record.key, value)))
  }),
}
