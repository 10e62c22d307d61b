import { describe, expect, it } from 'vitest'
import {
  aggregator,
  flatMapper,
  flatValueMapper,
  initial,
  keySelector,
  predicate,
  reducer,
  timestampAfterAt,
  valueMapper,
} from './functions.ts'
import { Missing, show } from './show.ts'

const windowed = { key: 'k', start: 10, end: 20 }

describe('show', () => {
  it.each([
    [null, 'null'],
    ['a', 'a'],
    [-0, '0'],
    [9007199254740991, '9007199254740991'],
    [1e21, '1000000000000000000000'],
    [0.25, '0.25'],
    [12345678.25, '1.234567825E7'],
    [0.0005, '5.0E-4'],
    [windowed, 'k@10/20'],
  ])('writes %s as %s', (value, text) => expect(show(value)).toBe(text))
})

describe('functions by name', () => {
  it.each([
    ['lengthOver:1', 'ab', true],
    ['lengthOver:2', 'ab', false],
    ['lengthOver:0', null, false],
    ['contains:a:b', 'xa:by', true],
    ['evenLength', 'abc', false],
    ['over:2', 3, true],
    ['keyIs:k', null, true],
    ['never', 'a', false],
  ])('predicate %s of %s is %s', (name, value, result) => expect(predicate(name)('k', value)).toBe(result))
  it.each([
    ['upper', 'a', 'A'],
    ['append::', 'a', 'a:'],
    ['times:-3', 0, 0],
    ['toDouble', -15, -3.75],
    ['toInteger', 2 ** 32 + 2 ** 31, -(2 ** 31)],
    ['parseLong', '-0', 0],
    ['parseLong', '1234567890123456', null],
    ['show', null, 'null'],
    ['nullIfStartsWith:a', 'ab', null],
    ['length', null, null],
    ['keyColonValue', null, 'k:null'],
  ])('value mapper %s of %s is %s', (name, value, result) => expect(valueMapper(name)('k', value)).toBe(result))
  it.each([
    ['valueFirstChar', '', null],
    ['keyPlus:+', 'v', 'k+'],
    ['beforeColon', 'a:b:c', 'a'],
    ['beforeColon', 'abc', null],
    ['lengthKey', 'abc', '3'],
    ['lengthLong', 'abc', 3],
    ['value', null, null],
  ])('key selector %s of %s is %s', (name, value, result) => expect(keySelector(name)('k', value)).toBe(result))
  it('selects from windowed keys', () => {
    expect(['windowLabel', 'unwindow', 'windowStart'].map(name => keySelector(name)(windowed, 1))).toEqual(['k@10/20', 'k', 10])
  })
  it('maps one to many', () => {
    expect(flatValueMapper('words')('k', ' a  b')).toEqual(['a', 'b'])
    expect(flatValueMapper('repeat:2')('k', 'a')).toEqual(['a#0', 'a#1'])
    expect(flatMapper('charsAsKeys')('k', 'ab')).toEqual([
      ['a', 'ab#0'],
      ['b', 'ab#1'],
    ])
    expect(flatMapper('echoAndNull')('k', 'a')).toEqual([
      ['k', 'a'],
      ['k', null],
    ])
  })
  it.each([
    ['concat', 'v', null, 'v'],
    ['concat', null, 'a', 'a+null'],
    ['concatMinus', 'v', null, '-v'],
    ['concatTag:x', 'v', 'a', 'a+xv'],
    ['concatNullOn:v', 'v', 'a', null],
    ['sumNullAtZero', -2, 2, null],
    ['minusLength', 'ab', null, -2],
  ])('aggregator %s of %s and %s is %s', (name, value, sum, result) => expect(aggregator(name)('k', value, sum)).toBe(result))
  it.each([
    ['max', 2, 10, 10],
    ['max', '2', '10', '2'],
    ['cut', 'a', 'b', 'a-b'],
    ['nullIfSameStart', 'ab', 'ac', null],
    ['nullIfSameStart', 'ab', '', 'ab+'],
  ])('reducer %s of %s and %s is %s', (name, a, b, result) => expect(reducer(name)(a, b)).toBe(result))
  it('begins with the initial value', () =>
    expect(['empty', 'zero', 'null', 'lit:^'].map(name => initial(name)())).toEqual(['', 0, null, '^']))
  it.each([
    ['a@5', 5],
    ['a@5@-6', -6],
    ['a@x', 9],
    ['5', 9],
    [null, 9],
  ])('takes the time of %s as %s', (value, time) => expect(timestampAfterAt(value, { timestamp: 9 })).toBe(time))
  it('says which function is missing', () => expect(() => predicate('constructor')).toThrow(Missing))
})
