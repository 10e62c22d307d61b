import { expect, it } from 'vitest'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { sessionKey } from './session-key.ts'
import { hex, vectors } from './vectors.fixture.ts'

interface SessionVector {
  readonly key: string
  readonly start: number
  readonly session: { readonly end: number; readonly topicKeyHex: string }
}

it.each(vectors<SessionVector>('windowed-keys'))(
  'writes the session of $key from $start on as Kafka Streams does',
  ({ key, start, session }) => {
    const serde = sessionKey(text)
    const windowed = { key, start, end: session.end }
    expect(Buffer.from(serde.encode(windowed)).toString('hex')).toBe(session.topicKeyHex)
    expect(Buffer.from(serde.transient!(windowed)).toString('hex')).toBe(session.topicKeyHex)
    expect(serde.decode(hex(session.topicKeyHex))).toEqual(windowed)
  },
)

it('writes keys that are no text, one after the other into the same buffer', () => {
  const serde = sessionKey(int64)
  const keys = [
    { key: 7, start: 1, end: 2 ** 40 },
    { key: -1, start: 0, end: 0 },
  ] as const
  for (const key of keys) expect(serde.decode(serde.transient!(key))).toEqual(key)
  expect(serde.inner).toBe(int64)
})

it('refuses bytes without both ends', () => {
  expect(() => sessionKey(text).decode(hex('00'.repeat(15)))).toThrow('at least 16 bytes, not 15')
})
