import { expect, it } from 'vitest'
import type { Serde } from '../contract/serde.ts'
import { rekey } from '../operator/rekey.ts'
import { to } from '../operator/to.ts'
import { topic } from '../operator/topic.ts'
import { compositeKey } from '../serde/composite-key.ts'
import { json } from '../serde/json.ts'
import { text } from '../serde/text.ts'
import { serdesOf } from './serdes.ts'
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

it('finds every serde of a plan once', () => {
  const [value, other] = [json<string>(), { ...text }]
  const stream = topic('a', { key: text, value }).pipe(to('b', { value: other }))
  expect(serdesOf(topology('all', stream).nodes)).toEqual([text, value, other])
})
