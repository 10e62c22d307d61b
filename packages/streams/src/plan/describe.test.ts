import type { OperatorFunction } from 'rxjs'
import { expect, it } from 'vitest'
import type { StreamRecord } from '../contract/record.ts'
import type { Source } from '../contract/source.ts'
import { branch } from '../operator/branch.ts'
import { count } from '../operator/count.ts'
import { filter } from '../operator/filter.ts'
import { globalTable } from '../operator/global-table.ts'
import { lookup } from '../operator/lookup.ts'
import { mapValues } from '../operator/map-values.ts'
import { persist } from '../operator/persist.ts'
import { regroup } from '../operator/regroup.ts'
import { rekey } from '../operator/rekey.ts'
import { repartition } from '../operator/repartition.ts'
import { source as readFrom } from '../operator/source.ts'
import { table } from '../operator/table.ts'
import { to } from '../operator/to.ts'
import { toStream } from '../operator/to-stream.ts'
import { topic } from '../operator/topic.ts'
import { triage } from '../operator/triage.ts'
import { json } from '../serde/json.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { minutes } from '../window/duration.ts'
import { tumbling } from '../window/tumbling.ts'
import { describe } from './describe.ts'
import { describeJson } from './describe-json.ts'
import { describeMermaid } from './describe-mermaid.ts'
import { topology } from './topology.ts'

const orders = () => topic<string, number>('orders', { key: text, value: int64 })

const moved = () =>
  topology(
    'shop',
    orders().pipe(
      filter(cents => cents > 0),
      filter(cents => cents < 1000),
      rekey('by-size', cents => String(cents)),
      count('sizes'),
      toStream(),
      to('sizes'),
    ),
  )

it('has the shape of Kafka Streams, with a topic between the parts', () => {
  expect(describe(moved())).toBe(`Topologies:
   Sub-topology: 0
    Source: orders (topics: [orders])
      --> filter
    Processor: filter (stores: [])
      --> filter-2
      <-- orders
    Processor: filter-2 (stores: [])
      --> by-size-repartition-sink
      <-- filter
    Sink: by-size-repartition-sink (topic: shop-by-size-repartition)
      <-- filter-2

  Sub-topology: 1
    Source: by-size-repartition-source (topics: [shop-by-size-repartition])
      --> sizes
    Processor: sizes (stores: [sizes])
      --> toStream
      <-- by-size-repartition-source
    Processor: toStream (stores: [])
      --> sizes-2
      <-- sizes
    Sink: sizes-2 (topic: sizes)
      <-- toStream
`)
})

it('says what Kafka Streams has no word for', () => {
  const lines: Source<string, number> = {
    name: 'events.txt',
    positions: 'acknowledged',
    keyed: false,
    key: text,
    value: int64,
    partitions: async () => ['events.txt'],
    open: () => ({ read: async () => [], commit: async () => {}, lag: async () => 0, close: async () => {} }),
  }
  const sink = (name: string, idempotent: boolean) => ({ name, idempotent, write: async () => {} })
  const { large, rest } = branch(readFrom(lines, { onError: { deadLetter: 'bad' } }), { large: cents => cents > 1000 })
  const plan = topology(
    'app',
    large.pipe(
      rekey('by-size', cents => String(cents)),
      mapValues(cents => cents / 100, { onError: { deadLetter: 'worse' } }),
      persist(sink('queue', false), { order: 'partition' }),
      to(record => record.key),
    ),
    rest.pipe(repartition('spread', { partitions: 4 }), persist(sink('rows', true))),
  )
  expect(describe(plan)).toBe(`Topologies:
   Sub-topology: 0
    Source: events.txt (connector: events.txt) acknowledged: never exactly once, dead letters: [bad]
      --> branch
    Processor: branch (stores: [])
      --> branch:large, branch:rest
      <-- events.txt
    Processor: branch:large (stores: [])
      --> by-size
      <-- branch
    Processor: by-size (stores: []) no topic: no keyed operator follows
      --> mapValues
      <-- branch:large
    Processor: mapValues (stores: []) dead letters: [worse]
      --> queue
      <-- by-size
    Processor: queue (stores: []) order: partition, not idempotent
      --> to
      <-- mapValues
    Processor: branch:rest (stores: [])
      --> spread-repartition-sink
      <-- branch
    Sink: to (topic: chosen per record)
      <-- queue
    Sink: spread-repartition-sink (topic: app-spread-repartition) partitions: 4
      <-- branch:rest

  Sub-topology: 1
    Source: spread-repartition-source (topics: [app-spread-repartition])
      --> rows
    Processor: rows (stores: []) order: key
      --> none
      <-- spread-repartition-source
`)
})

it('says that results leave in the order of the partition when time matters after them', () => {
  const plan = topology(
    'app',
    orders().pipe(
      persist({ name: 'rows', idempotent: true, write: async () => {} }),
      count('n', { window: tumbling(minutes(1), { grace: 0 }) }),
    ),
  )
  expect(describe(plan)).toContain('Processor: rows (stores: []) order: partition\n')
})

it('shows a table with its store, if it has one', () => {
  const clients = table('clients', { key: text, value: json<{ city: string }>() })
  const plan = topology(
    'app',
    clients.pipe(
      regroup('by-city', ({ city }) => [city, 1], { key: text, value: int64 }),
      count('per-city'),
    ),
  )
  expect(describe(plan)).toContain('Source: clients (topics: [clients]) stores: [clients]\n      --> by-city-repartition-sink\n')
  expect(describe(topology('app', clients.pipe(toStream(), to('out'))))).toContain('Source: clients (topics: [clients])\n')
})

it('shows routes that end in topics as ends', () => {
  const size = (cents: number) => (cents > 1000 ? 'large' : 'small')
  const routed = (small: OperatorFunction<StreamRecord<string, number>, unknown>) =>
    describe(topology('app', orders().pipe(triage(size, { large: to('large'), small }))))
  expect(routed(to('small'))).not.toContain('merge')
  expect(routed(filter(() => true))).toContain(`    Processor: triage:merge (stores: [])
      --> none
      <-- filter
    Sink: large (topic: large)
      <-- triage:large
`)
})

it('is plain data', () => {
  const description = describeJson(moved())
  expect(JSON.parse(JSON.stringify(description))).toEqual(description)
  expect(description).toMatchObject({ id: 'shop', fingerprint: moved().fingerprint })
  expect(description.subTopologies[1]!.nodes[1]).toEqual({
    type: 'processor',
    name: 'sizes',
    stores: ['sizes'],
    deadLetters: [],
    unmoved: false,
    successors: ['toStream'],
    predecessors: ['by-size-repartition-source'],
  })
})

it('draws a Mermaid flowchart', () => {
  const plan = topology(
    'shop',
    orders().pipe(
      rekey('by-size', cents => String(cents), { onError: { deadLetter: 'a "dead" one' } }),
      count('sizes'),
    ),
  )
  expect(describeMermaid(plan)).toBe(`flowchart TD
  subgraph sub0["Sub-topology 0"]
    n0(["orders"])
    n1(["by-size-repartition-sink"])
  end
  subgraph sub1["Sub-topology 1"]
    n2(["by-size-repartition-source"])
    n3["sizes"]
    s4[("sizes")]
  end
  o5[("orders")]
  o6[("shop-by-size-repartition")]
  o7[("a #quot;dead#quot; one")]
  o5 --> n0
  n0 --> n1
  n1 --> o6
  n1 -.-> o7
  o6 --> n2
  n2 --> n3
  n3 --- s4
`)
})

it('shows global tables beside the parts, and who looks into them', () => {
  const prices = globalTable('prices', { key: text, value: int64, store: 'kept-prices' })
  const plan = topology(
    'shop',
    orders().pipe(
      lookup(
        prices,
        cents => String(cents),
        (cents, price) => cents * price,
      ),
      to('priced', { value: int64 }),
    ),
  )
  expect(describe(plan)).toBe(`Topologies:
   Sub-topology: 0
    Source: orders (topics: [orders])
      --> lookup
    Processor: lookup (stores: []) global tables: [prices]
      --> priced
      <-- orders
    Sink: priced (topic: priced)
      <-- lookup

  Sub-topology: 1 for global store (will not generate tasks)
    Source: prices (topics: [prices]) stores: [kept-prices]
      --> none
`)
  expect(describeJson(plan)).toMatchObject({ globals: [{ topic: 'prices', store: 'kept-prices' }], stores: [] })
  const drawn = describeMermaid(plan)
  const place = /(o\d+)\[\("prices"\)\]/.exec(drawn)?.[1]
  const node = /(n\d+)\["lookup"\]/.exec(drawn)?.[1]
  expect(drawn).toContain(`${node} --- ${place}\n`)
})
