import fc from 'fast-check'
import { expect, it } from 'vitest'
import { scanned } from './field-scanner.ts'

const serde = scanned([['a'], ['b', 'c'], ['b', 'd'], ['b', 'e', 'f']], ([a, c, d, f]) => ({ a, c, d, f }))

/** What JSON.parse says, or 'refused'. */
function expected(text: string): unknown {
  try {
    // Half a surrogate pair has no UTF-8.
    const document = JSON.parse(text.toWellFormed())
    const own = (at: unknown, name: string): unknown =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, name) ? (at as Record<string, unknown>)[name] : undefined
    const b = own(document, 'b')
    return { a: own(document, 'a'), c: own(b, 'c'), d: own(b, 'd'), f: own(own(b, 'e'), 'f') }
  } catch {
    return 'refused'
  }
}

function found(text: string): unknown {
  // In a frame with more before and behind it.
  const bytes = Buffer.from(`9,${text}}0`)
  try {
    return serde.decodeAt!(bytes, 2, bytes.length - 2)
  } catch {
    return 'refused'
  }
}

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'other', 'é', 'q"')
const { value: anyValue } = fc.letrec(tie => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 6 }),
  ),
}))
const document = fc.dictionary(name, anyValue, { maxKeys: 6 })
const text = fc.tuple(document, fc.constantFrom(0, 1, '\t')).map(([value, space]) => JSON.stringify(value, null, space))

it('reads of documents what JSON.parse reads', () => {
  fc.assert(
    fc.property(text, json => {
      expect(found(json)).toEqual(expected(json))
    }),
    { numRuns: 1000 },
  )
})

it('refuses what JSON.parse refuses: documents with a character too few, too many, or another one', () => {
  const edit = fc.tuple(
    text,
    fc.nat(),
    fc.nat(1),
    fc.constantFrom('', '0', '-', '.', 'e', ',', ':', '{', '}', '[', ']', '"', '\\', ' ', '\n', 't', 'a'),
  )
  fc.assert(
    fc.property(edit, ([json, at, removed, put]) => {
      const p = at % (json.length + 1)
      const edited = json.slice(0, p) + put + json.slice(p + removed)
      expect(found(edited), edited).toEqual(expected(edited))
    }),
    { numRuns: 4000 },
  )
})

it.each([
  '{"a":-0}',
  '{"a":01}',
  '{"a":1.}',
  '{"a":-}',
  '{"a":1e}',
  '{"a":1E+2,"a":2}',
  '{"a":123456789012345678}',
  '{"a":tru}',
  '{"b":{"c":1}',
  '{"b":null,"a":{}}',
  '{"\\u0061":1}',
  '',
  '[]',
  'null',
  ' {} ',
  `{"x":${'['.repeat(100)}${']'.repeat(100)}}`,
])('agrees on %s', json => {
  expect(found(json)).toEqual(expected(json))
})
