import { bytes, filter, json, type KStream, mapValues, type Topology, tap, to, topic, topology } from '@riacho/streams'
import type { Broker } from '@riacho/streams/engine'
import { must } from '../load.ts'
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

type Events = KStream<Uint8Array, Event>

/** A query of Nexmark over JSON that is parsed and written again. `priceFactor`: what it makes of the sum of prices. */
function query(of: (bids: Events) => KStream<Uint8Array, unknown>, priceFactor?: number): Workload {
  return {
    input: nexmark,
    partitionsOut: 4,
    build: (id, out, seen) => {
      const bids = topic(nexmark, { key: bytes, value: json<Event>() }).pipe(
        filter(event => {
          seen()
          return event.event_type === 2
        }),
      )
      return topology(id, of(bids).pipe(to(out, { value: json() })))
    },
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

const q0 = (bids: Events) =>
  bids.pipe(mapValues(({ bid: { auction, bidder, price, dateTime, extra } }) => ({ auction, bidder, price, dateTime, extra })))
const q1 = (bids: Events) =>
  bids.pipe(
    mapValues(({ bid: { auction, bidder, price, dateTime, extra } }) => ({ auction, bidder, price: price * 0.908, dateTime, extra })),
  )
const q2 = (bids: Events) =>
  bids.pipe(
    filter(({ bid }) => bid.auction % 123 === 0),
    mapValues(({ bid: { auction, price } }) => ({ auction, price })),
  )

/** By the names that both sides use. */
export const workloads: Readonly<Record<string, Workload>> = { count, q0: query(q0, 1), q1: query(q1, 0.908), q2: query(q2) }
