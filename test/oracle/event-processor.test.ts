import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { countKey, eventOf, linesOf, recompute, recomputeFile } from './event-processor.ts'
import { epochOf } from './rfc3339.ts'

const bytesOf = (text: string): Uint8Array => Buffer.from(text)
const sample = { uid: 'u1', context: 'monitoramento', event_type: 'INSERT', client: 'Client_A', created_at: '2026-03-01T10:00:00Z' }
const line = (changes: object = {}): string => JSON.stringify({ ...sample, ...changes })
const minute = (hour: number, of: number): number => Date.UTC(2026, 2, 1, hour, of)

describe('RFC 3339', () => {
  it.each([
    ['1970-01-01T00:00:00Z', 0],
    ['1970-01-01T01:30:00.5+01:30', 500],
    ['1969-12-31T20:00:00.9999-04:00', 999],
    ['1970-01-02t00:00:00z', 86_400_000],
    ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1)],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
  ])('takes %s', (text, time) => expect(epochOf(text)).toBe(time))
  it.each([
    '',
    '2026-03-01',
    '2026-03-01T10:00:00',
    '2026-3-1T10:00:00Z',
    '2026-13-01T10:00:00Z',
    '2026-02-29T10:00:00Z',
    '2026-03-01T24:00:00Z',
    '2026-03-01T10:60:00Z',
    '2026-03-01T10:00:60Z',
    '2026-03-01T10:00:00+25:00',
    ' 2026-03-01T10:00:00Z',
  ])('refuses "%s"', text => expect(epochOf(text)).toBeUndefined())
})

describe('a line', () => {
  it('gives its event and time', () => {
    expect(eventOf(bytesOf(line()))).toEqual({ event: sample, time: minute(10, 0) })
  })
  it('may have more fields, and the four contexts', () => {
    expect(eventOf(bytesOf(line({ more: 1, context: 'aplicação de usuários' })))?.event).toHaveProperty('more', 1)
    expect(eventOf(bytesOf(line({ context: 'autorizador de transações' })))).toBeDefined()
    expect(eventOf(bytesOf(line({ context: 'integrações' })))).toBeDefined()
  })
  it.each([
    ['no JSON', '{"uid":'],
    ['an empty line', ''],
    ['an array', `[${line()}]`],
    ['null', 'null'],
    ['a missing field', '{"uid":"u1"}'],
    ['a uid that is a number', line({ uid: 1 })],
    ['another context', line({ context: 'aplicacao de usuarios' })],
    ['another event type', line({ event_type: 'insert' })],
    ['another client', line({ client: 'Client_E' })],
    ['a client that every object has', line({ client: 'constructor' })],
    ['a time without zone', line({ created_at: '2026-03-01T10:00:00' })],
    ['fields that only a prototype has', `{"__proto__":${line()}}`],
  ])('is refused: %s', (_what, text) => expect(eventOf(bytesOf(text))).toBeUndefined())
  it('is refused when it is no UTF-8', () => {
    const bytes = Buffer.from(line({ uid: 'x?' }))
    bytes[bytes.indexOf(63)] = 0xff
    expect(eventOf(bytes)).toBeUndefined()
  })
  it('ends at a line feed; the last needs none', () => {
    const texts = (text: string): string[] => linesOf(bytesOf(text)).map(bytes => Buffer.from(bytes).toString())
    expect(texts('')).toEqual([])
    expect(texts('a\n\nb\n')).toEqual(['a', '', 'b'])
    expect(texts('a\nb')).toEqual(['a', 'b'])
  })
})

describe('a file', () => {
  const at = (created_at: string, changes: object = {}): string => line({ created_at: `2026-03-01T${created_at}Z`, ...changes })
  const file = [
    at('10:00:59.999'), // minute 10:00
    '', // invalid, line 2
    at('10:01:00', { uid: 'u2', client: 'Client_B' }), // minute 10:01
    at('10:05:59.999', { uid: 'u3', event_type: 'DELETE' }), // stream time one millisecond before 10:00 closes
    at('10:00:00', { uid: 'u4' }), // in time
    at('10:06:00', { uid: 'u5' }), // closes 10:00
    at('10:00:30', { uid: 'u6' }), // late
    at('10:01:30', { uid: 'u2', client: 'Client_B', context: 'integrações' }), // in time, replaces u2
    '{"uid":"u7"}', // invalid, line 9
  ]
  const made = recompute(bytesOf(`${file.join('\n')}\n`))

  it('has as many lines, valid rows and invalid lines as it should', () => {
    expect(made.lines).toBe(9)
    expect([...made.rows.keys()].sort()).toEqual(['u1', 'u2', 'u3', 'u4', 'u5', 'u6'])
    expect(made.rows.get('u2')?.context).toBe('integrações')
    expect(made.invalid.map(({ line, bytes }) => [line, Buffer.from(bytes).toString()])).toEqual([
      [2, ''],
      [9, '{"uid":"u7"}'],
    ])
  })
  it('fills the queues in its order, every event of a uid included', () => {
    const uids = (client: string): string[] => (made.queues.get(client) ?? []).map(event => event.uid)
    expect(uids('Client_A')).toEqual(['u1', 'u3', 'u4', 'u5', 'u6'])
    expect(uids('Client_B')).toEqual(['u2', 'u2'])
    expect(uids('Client_C')).toEqual([])
  })
  it('counts by minute and leaves the late event out', () => {
    expect(made.late).toBe(1)
    expect(Object.fromEntries(made.counts)).toEqual({
      [countKey('Client_A', 'INSERT', minute(10, 0))]: 2,
      [countKey('Client_B', 'INSERT', minute(10, 1))]: 2,
      [countKey('Client_A', 'DELETE', minute(10, 5))]: 1,
      [countKey('Client_A', 'INSERT', minute(10, 6))]: 1,
    })
  })
  it('is read from disk', () => {
    const directory = mkdtempSync(join(tmpdir(), 'riacho-oracle-'))
    try {
      writeFileSync(join(directory, 'events.txt'), `${line()}\n`)
      expect(recomputeFile(join(directory, 'events.txt'))).toEqual(recompute(bytesOf(line())))
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
