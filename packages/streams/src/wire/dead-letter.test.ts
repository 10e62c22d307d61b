import { describe, expect, it } from 'vitest'
import { deadLetterHeaders, fittingLetter, readDeadLetter } from './dead-letter.ts'

const origin = {
  topic: 'orders',
  partition: 3,
  offset: 17,
  timestamp: 1000,
  key: Buffer.from('k'),
  value: null,
  headers: [['trace', Buffer.from('t')] as const, ['empty', null] as const],
}
const failure = { code: 'RIACHO_INVALID', reason: 'größer als 5', node: 'validate', attempts: 2, firstFailure: 2000 }

it('holds the original and why it failed', () => {
  const { key: _key, value: _value, headers, ...place } = origin
  expect(readDeadLetter(origin.key, origin.value, deadLetterHeaders(origin, failure))).toEqual({
    ...place,
    ...failure,
    original: { key: origin.key, value: null, headers },
  })
})

it('replaces what an earlier failure said', () => {
  const headers = deadLetterHeaders({ ...origin, topic: 'dead', headers: deadLetterHeaders(origin, failure) }, { ...failure, attempts: 5 })
  const names = headers.map(([name]) => name)
  expect(new Set(names).size).toBe(names.length)
  expect(readDeadLetter(null, null, headers)).toMatchObject({ topic: 'dead', attempts: 5, original: { headers: origin.headers } })
})

it('uses the names of Kafka Streams where it has them', () => {
  expect(deadLetterHeaders({ ...origin, headers: [] }, failure).map(([name]) => name)).toEqual([
    '__streams.errors.exception',
    '__streams.errors.message',
    '__streams.errors.topic',
    '__streams.errors.partition',
    '__streams.errors.offset',
    '__riacho.errors.node',
    '__riacho.errors.timestamp',
    '__riacho.errors.first-failure',
    '__riacho.errors.attempts',
  ])
})

it('reads a record of another writer', () => {
  expect(readDeadLetter(null, null, [['x', null]])).toMatchObject({
    code: '',
    reason: '',
    topic: '',
    offset: -1,
    attempts: -1,
    original: { headers: [['x', null]] },
  })
})

it('holds what the stage was given, and where it takes it again', () => {
  const stage = {
    topic: 'app-later-retry-1',
    partition: 3,
    timestamp: 900,
    from: { topic: 'orders', partition: 3, offset: 17 },
    nth: 2,
    key: origin.key,
    value: Buffer.from('made of it'),
    headers: [['other', Buffer.from('o')] as const],
  }
  const headers = deadLetterHeaders(origin, { ...failure, stage })
  expect(readDeadLetter(origin.key, null, headers)).toMatchObject({ stage, original: { headers: origin.headers } })
  expect(deadLetterHeaders({ ...origin, headers }, failure)).toEqual(deadLetterHeaders(origin, failure))
})

describe('a letter that would not fit', () => {
  const stage = {
    topic: 'app-s-retry-1',
    partition: 1,
    key: Buffer.from('other'),
    value: Buffer.alloc(100),
    headers: [],
    timestamp: 1,
    from: null,
    nth: 0,
  }
  const value = Buffer.alloc(1000, 'x')
  const letterOf = (more = {}) => ({ key: origin.key, value, headers: deadLetterHeaders({ ...origin, value }, { ...failure, ...more }) })
  const read = ({ key, value: held, headers }: ReturnType<typeof fittingLetter>) => readDeadLetter(key, held, headers)
  const sizeOf = ({ key, value: held, headers }: ReturnType<typeof fittingLetter>) =>
    headers.reduce((sum, [name, bytes]) => sum + name.length + (bytes?.length ?? 0) + 8, (key?.length ?? 0) + (held?.length ?? 0))

  it('is as it was if it fits just so', () => {
    const letter = letterOf({ stage })
    expect(fittingLetter(letter, sizeOf(letter))).toBe(letter)
  })

  it('goes without what its stage was given', () => {
    const letter = letterOf({ stage })
    expect(read(letter).stage).toBeDefined()
    expect(read(fittingLetter(letter, sizeOf(letter) - 1))).toEqual(read(letterOf()))
  })

  it('has the beginning of its value, says so, and fits', () => {
    for (const bytesMax of [1200, 900, 500, 440]) {
      const letter = fittingLetter(letterOf({ stage }), bytesMax)
      expect(sizeOf(letter)).toBeLessThanOrEqual(bytesMax)
      const { cutFrom, original, ...why } = read(letter)
      expect([cutFrom, original.headers]).toEqual([1000, origin.headers])
      expect(why).toMatchObject({ ...failure, topic: 'orders', partition: 3, offset: 17 })
      expect(value.subarray(0, original.value!.length)).toEqual(original.value)
    }
  })

  it('replaces what an earlier cut said', () => {
    const cut = fittingLetter(letterOf(), 900)
    const again = deadLetterHeaders({ ...origin, value: cut.value, headers: cut.headers }, failure)
    expect(readDeadLetter(null, null, again).cutFrom).toBeUndefined()
  })

  it('goes without its own headers where these leave no room, and says that it is not whole', () => {
    const headers = deadLetterHeaders({ ...origin, headers: [['large', Buffer.alloc(2000)]] }, failure)
    for (const held of [value, null]) {
      const letter = fittingLetter({ key: origin.key, value: held, headers }, 900)
      expect(sizeOf(letter)).toBeLessThanOrEqual(900)
      expect(read(letter)).toMatchObject({ ...failure, cutFrom: held?.length ?? 0, original: { headers: [] } })
    }
  })

  it('has the beginning of a reason without end', () => {
    const { reason } = read({ ...letterOf(), headers: deadLetterHeaders(origin, { ...failure, reason: 'no '.repeat(1_000_000) }) })
    expect(reason).toMatch(/^no no .*…$/)
    const reasonMax = 4096
    expect(reason.length).toBe(reasonMax + 1)
  })
})
