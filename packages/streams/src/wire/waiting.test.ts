import fc from 'fast-check'
import { expect, it } from 'vitest'
import { notBeforeOf, readWaiting, type Waiting, waitingHeaders } from './waiting.ts'

const bytes = fc.option(fc.uint8Array({ maxLength: 6 }).map(raw => new Uint8Array(raw)))
const name = fc.constantFrom('trace', 'a', 'header.a', 'origin.key', 'größe', '')
const record = fc.record({ key: bytes, value: bytes, headers: fc.array(fc.tuple(name, bytes), { maxLength: 4 }) })
const position = fc.record({ topic: name, partition: fc.nat(), offset: fc.integer({ min: -1 }) })
const seed = Number(process.env.RIACHO_SEED ?? Math.floor(Math.random() * 2 ** 31))

it(`a record that waits keeps its headers, its place and its original (RIACHO_SEED=${seed})`, () => {
  const at = fc.oneof(
    fc.constant(null),
    position,
    fc.tuple(position, record, fc.integer({ min: -1 })).map(([where, original, timestamp]) => ({ ...where, ...original, timestamp })),
  )
  const facts = fc.record({
    tries: fc.nat(),
    round: fc.nat(9),
    notBefore: fc.nat(),
    firstFailure: fc.nat(),
    from: fc.option(position),
    nth: fc.nat(),
    at,
  })
  const property = fc.property(record, facts, fc.boolean(), (given, waiting, same) => {
    // The original is often what the stage was given.
    const original = waiting.at !== null && 'headers' in waiting.at && same ? { ...waiting.at, ...given } : waiting.at
    const told: Waiting = { ...waiting, at: original }
    const headers = waitingHeaders(given, told)
    expect(readWaiting({ ...given, headers })).toEqual({ headers: given.headers, waiting: told })
    expect(notBeforeOf(headers)).toBe(waiting.notBefore)
    // Waiting once more replaces what was said before.
    const later = { ...told, tries: told.tries + 1 }
    expect(waitingHeaders({ ...given, headers }, later)).toEqual(waitingHeaders(given, later))
  })
  fc.assert(property, { seed, numRuns: 300 })
})

it('an original that is what the stage was given is not written twice', () => {
  const given = { key: Buffer.from('k'), value: Buffer.from('a long value'), headers: [] }
  const at = { topic: 'in', partition: 0, offset: 1, timestamp: 5, ...given }
  const headers = waitingHeaders(given, { tries: 1, round: 1, notBefore: 9, firstFailure: 3, from: at, nth: 0, at })
  expect(headers.map(([each]) => each)).toEqual([
    'RetryCount',
    '__riacho.retry.not-before',
    '__riacho.retry.round',
    '__riacho.retry.first-failure',
    '__riacho.retry.place',
  ])
  expect(headers.some(([, raw]) => raw !== null && Buffer.from(raw).includes('a long value'))).toBe(false)
})

it('a record that says nothing is due at once', () => {
  expect(notBeforeOf([['x', null]])).toBe(0)
})
