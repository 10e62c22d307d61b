import { bytes, filter, json, type KStream, mapValues, type Topology, tap, to, topic, topology } from '@riacho/streams'
import type { Broker } from '@riacho/streams/engine'
import { must } from '../load.ts'
import { scanned } from './field-scanner.ts'
import { type Expected, scan } from './topics.ts'

/** A topology over a preloaded topic, and how its results are checked. */
export interface Workload {
  readonly input: string
  readonly partitionsOut: number
  /** `seen` is called with each record of the input. */
  build(id: string, out: string, seen: () => void): Topology
  /** Throws when the results are wrong. */
  verify(broker: Broker, out: string, expected: Expected): Promise<void>
}

const raw = 'bench-raw-120'
const nexmark = 'bench-nexmark-json'

/** Every value is read: the operator is given it. */
const count: Workload = {
  input: raw,
  partitionsOut: 0,
  build: (id, _out, seen) => topology(id, topic(raw, { key: bytes, value: bytes }).pipe(tap(seen))),
  verify: async () => {},
}

interface Bid {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly dateTime: number
  readonly extra: string
}

interface Event {
  readonly event_type: number
  readonly bid: Bid
}

/** Bids, read one way or the other; `seen` is called with each event, bid or not. */
type Bids = (seen: () => void) => KStream<Uint8Array, Bid>

const parsed: Bids = seen =>
  topic(nexmark, { key: bytes, value: json<Event>() }).pipe(
    filter(event => {
      seen()
      return event.event_type === 2
    }),
    mapValues(event => event.bid),
  )

const fields = (['auction', 'bidder', 'price', 'dateTime', 'extra'] as const).map(name => ['bid', name] as const)
const scannedEvent = scanned<Event>([['event_type'], ...fields], ([event_type, auction, bidder, price, dateTime, extra]) => ({
  event_type: event_type as number,
  bid: { auction, bidder, price, dateTime, extra } as Bid,
}))

/** Only the fields that the queries use are read. */
const picked: Bids = seen =>
  topic(nexmark, { key: bytes, value: scannedEvent }).pipe(
    filter(event => {
      seen()
      return event.event_type === 2
    }),
    mapValues(event => event.bid),
  )

/** A query of Nexmark over JSON that is read and written again. `priceFactor`: what it makes of the sum of prices. */
function query(bids: Bids, of: Query, priceFactor?: number): Workload {
  return {
    input: nexmark,
    partitionsOut: 4,
    build: (id, out, seen) => topology(id, of(bids(seen)).pipe(to(out, { value: json() }))),
    verify: async (broker, out, expected) => {
      let found = 0
      let sum = 0
      await scan(broker, out, cursor => {
        sum += (JSON.parse(cursor.valueFrame.utf8Slice(cursor.valueStart, cursor.valueEnd)) as Bid).price
        found++
      })
      const wanted = priceFactor === undefined ? expected.q2 : expected.bids
      must(found === wanted, `${found} results of ${wanted}`)
      if (priceFactor === undefined) return
      const ratio = sum / (expected.priceSum * priceFactor)
      must(Math.abs(ratio - 1) < 1e-9, `the sum of prices is ${ratio} of what it should be`)
    },
  }
}

/** What it does with bids. */
type Query = (bids: KStream<Uint8Array, Bid>) => KStream<Uint8Array, object>
const q0: Query = bids =>
  bids.pipe(mapValues(({ auction, bidder, price, dateTime, extra }) => ({ auction, bidder, price, dateTime, extra })))
const q1: Query = bids =>
  bids.pipe(mapValues(({ auction, bidder, price, dateTime, extra }) => ({ auction, bidder, price: price * 0.908, dateTime, extra })))
const q2: Query = bids =>
  bids.pipe(
    filter(bid => bid.auction % 123 === 0),
    mapValues(({ auction, price }) => ({ auction, price })),
  )

/** By the names that both sides use. */
export const workloads: Readonly<Record<string, Workload>> = {
  count,
  q0: query(parsed, q0, 1),
  q1: query(parsed, q1, 0.908),
  q2: query(parsed, q2),
  'q0-scanned': query(picked, q0, 1),
  'q1-scanned': query(picked, q1, 0.908),
  'q2-scanned': query(picked, q2),
}
