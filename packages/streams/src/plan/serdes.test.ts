import { expect, it } from 'vitest'
import type { Serde } from '../contract/serde.ts'
import { filter } from '../operator/filter.ts'
import { reduce } from '../operator/reduce.ts'
import { rekey } from '../operator/rekey.ts'
import { to } from '../operator/to.ts'
import { topic } from '../operator/topic.ts'
import { compositeKey } from '../serde/composite-key.ts'
import { json } from '../serde/json.ts'
import { text } from '../serde/text.ts'
import { writtenSerdes } from './serdes.ts'
import { topology } from './topology.ts'

const loose: Serde<string> = { ...text, notForKeys: 'equal values have several forms' }
const lines = topic('lines', { key: text, value: text })

it('refuses keys of a serde that is not for keys, wherever they are said', () => {
  const drawn = [
    topic('a', { key: loose, value: text }).pipe(to('b')),
    lines.pipe(to('b', { key: loose })),
    lines.pipe(
      rekey('by-line', line => line, { key: loose }),
      to('b', { key: text }),
    ),
    lines.pipe(
      rekey('by-line', line => ({ line }), { key: compositeKey({ line: loose }) }),
      to('b'),
    ),
  ]
  for (const stream of drawn) expect(() => topology('keys', stream)).toThrow(/RIACHO_KEY_SERDE: .* equal values have several forms/)
  topology('values', topic('a', { key: text, value: loose }).pipe(to('b', { value: loose })))
})

it('finds every serde with which a plan writes, once', () => {
  const [read, written, other, row] = [json<string>(), json<string>(), { ...text }, json<number>()]
  const drawn = [
    topic('a', { key: text, value: read }).pipe(to('b', { value: other })),
    topic('c', { key: text, value: written }).pipe(filter(Boolean), to('d')),
    topic('f', { key: text, value: read }).pipe(
      rekey('first', line => line[0]!),
      reduce('rows', (_, line) => line, { value: row as never }),
    ),
  ]
  const serdes = drawn.map(stream => writtenSerdes(topology('all', stream).nodes))
  expect(serdes[0]).toEqual([text, other])
  expect(serdes[1]).toEqual([text, written])
  // A repartition topic is written with what is read from the source.
  expect(new Set(serdes[2])).toEqual(new Set([text, read, row]))
})
