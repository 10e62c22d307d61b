import { json, type Serde } from '@riacho/streams'
import { RiachoError } from '@riacho/streams/engine'
import { afterAll, expect, it } from 'vitest'
import { avroBinary } from './avro-binary.ts'
import { connectJson } from './connect-json.ts'
import { debezium } from './debezium.ts'
import type { AvroSchema } from './schema.ts'

const mutations = 10_000
/** Longest time of one message. The best of three decides, because a busy machine stops a process at any place. */
const stallMs = 50

const seed = Number(process.env.RIACHO_SEED ?? Math.floor(Math.random() * 2 ** 31))
afterAll(() => console.log(`mutations: RIACHO_SEED=${seed}`))

/** Numbers from 0 to 1 that a seed repeats. */
function random(from: number): () => number {
  let state = from >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Varints of extreme lengths and counts, and texts that mean something. */
const pieces = [
  Buffer.from('8094ebdc0300', 'hex'),
  Buffer.from('ffffffffffffffffff01', 'hex'),
  Buffer.from('feffffff0f', 'hex'),
  Buffer.from('01', 'hex'),
  Buffer.alloc(300, 2),
  Buffer.alloc(300, 0xff),
  Buffer.from('"__proto__":{"a":1},'),
  Buffer.from('['.repeat(200)),
  Buffer.from('{"schema":{"type":"struct"},"payload":'),
  Buffer.from('1e999'),
  Buffer.from([0xc3, 0x28]),
]

function mutated(bytes: Buffer, next: () => number): Buffer {
  let out = Buffer.from(bytes)
  for (let changes = 1 + Math.floor(next() * 4); changes > 0; changes--) {
    const at = Math.floor(next() * (out.length + 1))
    const piece = pieces[Math.floor(next() * pieces.length)]!
    const way = Math.floor(next() * 6)
    if (way === 0 && at < out.length) out[at] = Math.floor(next() * 256)
    else if (way === 1 && at < out.length) out[at]! ^= 1 << Math.floor(next() * 8)
    else if (way === 2) out = out.subarray(0, at)
    else if (way === 3) out = Buffer.concat([out.subarray(0, at), piece, out.subarray(at)])
    else if (way === 4) out = Buffer.concat([out.subarray(0, at), piece, out.subarray(at + piece.length)])
    else out = Buffer.concat([out.subarray(0, at), out.subarray(Math.floor(next() * (at + 1)))])
  }
  return out
}

/** Decodes, or says why not. What is no error of a serde is thrown. */
function outcome(serde: Serde<unknown>, bytes: Buffer): 'decoded' | 'refused' {
  try {
    // In a frame, with other records around it.
    serde.decodeAt!(Buffer.concat([Buffer.alloc(8, 0xdb), bytes, Buffer.alloc(40, 2)]), 8, 8 + bytes.length)
    return 'decoded'
  } catch (thrown) {
    if (thrown instanceof RiachoError || thrown instanceof SyntaxError) return 'refused'
    throw thrown
  }
}

const tree = {
  type: 'record',
  name: 'Tree',
  fields: [
    { name: 'name', type: 'string' },
    { name: 'weight', type: ['null', 'double', { type: 'bytes', logicalType: 'decimal', precision: 30, scale: 5 }] },
    { name: 'day', type: { type: 'int', logicalType: 'date' } },
    { name: 'nothing', type: { type: 'array', items: 'null' } },
    { name: 'labels', type: { type: 'map', values: ['null', 'string', 'long'] } },
    { name: 'children', type: { type: 'array', items: 'Tree' } },
    { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['A', 'B'] } },
    { name: 'left', type: ['null', 'Tree'] },
  ],
} as AvroSchema
const leaf = {
  name: 'leaf',
  weight: 1.5,
  day: '2026-11-21',
  nothing: [null, null],
  labels: { a: 'b', c: 5, d: null },
  children: [],
  kind: 'A',
  left: null,
}
const whole = {
  ...leaf,
  name: 'ã'.repeat(20),
  children: [leaf, { ...leaf, weight: '-12.50000', left: leaf }],
  left: { ...leaf, children: [leaf] },
}

const avroSerde = avroBinary<unknown>(tree)
const row = {
  type: 'struct',
  fields: [{ field: 'n', type: 'bytes', name: 'org.apache.kafka.connect.data.Decimal', parameters: { scale: '2' } }],
}
const document = (value: unknown) => Buffer.from(JSON.stringify(value))

it.each([
  ['Avro', avroSerde, Buffer.from(avroSerde.encode(whole))],
  ['JSON', json<unknown>(), document({ schema: 1, whole, list: [[[1.5]], 'text', null, true] })],
  ['JSON of Connect', connectJson<unknown>(), document({ schema: row, payload: { n: 'BM4=' } })],
  [
    'JSON of Debezium',
    debezium<unknown>() as Serde<unknown>,
    document({ op: 'u', before: null, after: { id: 1 }, source: { table: 'a' }, ts_ms: 5 }),
  ],
] as [string, Serde<unknown>, Buffer][])('%s: every mutation is decoded or refused, at once', (_name, serde, bytes) => {
  const next = random(seed)
  const seen = { decoded: 0, refused: 0 }
  expect(outcome(serde, bytes)).toBe('decoded')
  for (let i = 0; i < mutations; i++) {
    const mutation = mutated(bytes, next)
    const began = performance.now()
    const first = outcome(serde, mutation)
    seen[first]++
    if (performance.now() - began < stallMs) continue
    const again = [0, 1].map(() => {
      const start = performance.now()
      expect(outcome(serde, mutation)).toBe(first)
      return performance.now() - start
    })
    expect({ i, seed, bytes: mutation.length, ms: Math.min(...again), fine: Math.min(...again) < stallMs }).toMatchObject({ fine: true })
  }
  // Both happen: neither is everything bad, nor is anything taken.
  expect(seen.decoded).toBeGreaterThan(50)
  expect(seen.refused).toBeGreaterThan(1000)
})
