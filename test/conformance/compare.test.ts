import { describe, expect, it } from 'vitest'
import type { Case } from './case.ts'
import { difference, firstDifference } from './compare.ts'
import type { Outcome } from './play.ts'

const row = { key: 'a', start: 0, end: 10, value: 1, ts: 3 }
const later = { key: 'a', start: 10, end: 20, value: 1, ts: 12 }
const logged = { step: 0, keyHex: '61', valueHex: '62', ts: 3 }
const out = { topic: 'out', key: 'a', value: 'b', ts: 3 }
const other = { topic: 'other', key: 'a', value: 'b', ts: 3 }

const sample: Case = {
  name: 'made/up/hand',
  application: 'app',
  config: { guarantee: 'at_least_once', wallClockStartMs: 0 },
  topology: [],
  steps: [],
  expect: [[out, other], []],
  manyPending: false,
  droppedRecords: 1,
  stores: { rows: [row, later] },
  commitMetadata: { in: 'AgAA' },
  storeSensitive: [],
  changelog: { 'app-moved-repartition': [logged], 'app-rows-changelog': [logged] },
}

const same: Outcome = {
  expect: [[out, other], []],
  droppedRecords: 1,
  stores: { rows: [row, later] },
  changelog: { 'app-rows-changelog': [logged], 'app-moved-repartition': [logged] },
  commitMetadata: { in: 'AgAA' },
}

describe('a difference', () => {
  it('is named by its path', () => {
    expect(difference('x', { a: [1, { b: 'c' }] }, { a: [1, { b: 'd' }] })).toBe('x.a[1].b: expected "c", got "d"')
    expect(difference('x', [1], [1, 2])).toBe('x[1]: expected nothing, got 2')
    expect(difference('x', { a: null }, { a: null, headers: [] })).toBe('x.headers: expected nothing, got []')
    expect(difference('x', [], {})).toBe('x: expected [], got {}')
  })
  it('is none between equals', () => expect(difference('x', { a: [0, null] }, { a: [-0, null] })).toBeUndefined())
})

describe('the first difference of a case', () => {
  it('is none when all is equal', () => expect(firstDifference(sample, same)).toBeUndefined())
  it.each<[string, Partial<Outcome>, string]>([
    ['an output', { expect: [[out, { ...other, ts: 4 }], []] }, 'expect[0][1].ts: expected 3, got 4'],
    ['the order between topics', { expect: [[other, out], []] }, 'expect[0][0].topic: expected "out", got "other"'],
    ['an output too many', { expect: [[out, other], [out]] }, `expect[1][0]: expected nothing, got ${JSON.stringify(out)}`],
    ['dropped records', { droppedRecords: 0 }, 'droppedRecords: expected 1, got 0'],
    ['a row', { stores: { rows: [{ ...row, value: 2 }, later] } }, 'stores.rows[0].value: expected 1, got 2'],
    ['a missing row', { stores: { rows: [row] } }, `stores.rows[1]: expected ${JSON.stringify(later)}, got nothing`],
    ['a missing store', { stores: {} }, `stores.rows: expected ${JSON.stringify([row, later])}, got nothing`],
    ['metadata', { commitMetadata: { in: 'AgAB' } }, 'commitMetadata.in: expected "AgAA", got "AgAB"'],
    ['a task that stopped', { expect: [[out, other]], stopped: { step: 1, reason: 'no' } }, 'step 1: the task stopped: no'],
  ])('is %s', (_what, changed, text) => expect(firstDifference(sample, { ...same, ...changed })).toBe(text))

  it('is a repartition topic before a changelog', () => {
    const changelog = { 'app-moved-repartition': [{ ...logged, ts: 9 }], 'app-rows-changelog': [] }
    expect(firstDifference(sample, { ...same, changelog })).toBe('changelog.app-moved-repartition[0].ts: expected 3, got 9')
    expect(firstDifference(sample, { ...same, changelog: { ...same.changelog, 'app-more-changelog': [logged] } })).toContain('app-more')
  })
  it('is not the order between topics when several waited', () => {
    expect(firstDifference({ ...sample, manyPending: true }, { ...same, expect: [[other, out], []] })).toBeUndefined()
  })
  it('is not in a field that depends on the kind of store', () => {
    expect(firstDifference({ ...sample, storeSensitive: ['stores'] }, { ...same, stores: {} })).toBeUndefined()
  })
  it('is the step at which the task should have stopped', () => {
    const stops: Case = { ...sample, expect: [[out, other]], fails: { step: 1, errors: ['StreamsException'] } }
    expect(firstDifference(stops, same)).toBe('step 1: expected the task to stop with StreamsException, it went on')
    expect(firstDifference(stops, { ...same, expect: [], stopped: { step: 0, reason: 'no' } })).toBe('fails.step: expected 1, got 0')
  })
  it('is not in what the step had sent that stopped the task, unless the case has it', () => {
    const stops = { ...sample, expect: [], fails: { step: 0, errors: ['StreamsException'] } }
    const stopped: Outcome = { ...same, expect: [], stopped: { step: 0, reason: 'no' } }
    expect(firstDifference({ ...stops, changelog: {} }, stopped)).toBeUndefined()
    expect(firstDifference(stops, stopped)).toBeUndefined()
    expect(firstDifference(stops, { ...stopped, changelog: {} })).toContain('changelog')
    expect(
      firstDifference({ ...stops, fails: { step: 1, errors: [] }, changelog: {} }, { ...stopped, stopped: { step: 1, reason: '' } }),
    ).toContain('changelog')
  })
  it('is not a time that the producer stamps', () => {
    const stamped: Case = { ...sample, changelog: { ...sample.changelog, 'app-rows-changelog': [{ ...logged, ts: null }] } }
    expect(firstDifference(stamped, same)).toBeUndefined()
    expect(firstDifference(stamped, { ...same, changelog: { ...same.changelog, 'app-rows-changelog': [] } })).toContain(
      'app-rows-changelog[0]',
    )
  })
  it('does not see the names of unnamed stores', () => {
    const log = (name: string) => ({ [`app-KTABLE-${name}-changelog`]: [logged] })
    const unnamed: Case = { ...sample, changelog: log('STATE-STORE-0000000003') }
    expect(firstDifference(unnamed, { ...same, changelog: log('ours') })).toBeUndefined()
    const other = { ...logged, step: logged.step + 1 }
    const two = (first: string, second: string) => ({ [`app-${first}-changelog`]: [logged], [`app-${second}-changelog`]: [other] })
    const both: Case = { ...sample, changelog: two('A-STATE-STORE-0000000001', 'B-STATE-STORE-0000000002') }
    expect(firstDifference(both, { ...same, changelog: two('z', 'a') })).toBeUndefined()
    expect(firstDifference(both, { ...same, changelog: log('ours') })).toContain('unnamed store 2')
    expect(firstDifference({ ...sample, changelog: {} }, { ...same, changelog: log('ours') })).toContain('KTABLE-ours')
  })
})
