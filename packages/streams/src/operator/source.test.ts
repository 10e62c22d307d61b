import { expect, it } from 'vitest'
import type { Source } from '../contract/source.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { count } from './count.ts'
import { draw } from './orders.fixture.ts'
import { source } from './source.ts'

const file = (name: string, keyed: boolean): Source<string, number> => ({
  name,
  positions: 'replayable',
  keyed,
  key: text,
  value: int64,
  partitions: async () => ['a'],
  open: () => ({ read: async () => [], commit: async () => {}, lag: async () => 0, close: async () => {} }),
})

it('has the serdes of its connector, and is partitioned if the connector is keyed', () => {
  const from = file('events.txt', true)
  const keyed = source(from, { onError: { deadLetter: 'events-invalid' } })
  expect(keyed.node).toMatchObject({
    kind: 'source',
    label: 'events.txt',
    key: text,
    value: int64,
    partitioned: true,
    deadLetters: ['events-invalid'],
  })
  expect(keyed.node.source).toMatchObject({ topics: [], connector: from, nulls: 'drop', onError: { deadLetter: 'events-invalid' } })
  expect(draw(keyed.pipe(count('n'))).subTopologies[0]!.topics).toEqual(['app-events.txt-positions'])
  expect(() => source(file('events.txt', false)).pipe(count('n'))).toThrow('RIACHO_NOT_PARTITIONED')
})

it('has a name that a topic can have, and only one reader', () => {
  expect(() => source(file('a file', true))).toThrow('RIACHO_NAME')
  const lines = file('lines', true)
  expect(() => draw(source(lines), source(lines))).toThrow(/RIACHO_NAME.*two sources/)
})
