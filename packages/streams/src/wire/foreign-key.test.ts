import { expect, it } from 'vitest'
import { bytes } from '../serde/bytes.ts'
import { text } from '../serde/text.ts'
import { answerSerde, CombinedKey, type Instruction, subscriptionSerde } from './foreign-key.ts'
import { murmur3 } from './murmur3.ts'
import { hex, vectors } from './vectors.fixture.ts'

type Vector =
  | { kind: 'subscription'; instructionByte: Instruction; hashedValue: string | null; primaryKey: string; partition: number; hex: string }
  | { kind: 'response'; hashedValue: string | null; foreignValue: string | null; hex: string }
  | { kind: 'combinedKey'; foreignKey: string; primaryKey: string; prefixHex: string; hex: string }

const hashOf = (value: string | null): string | null => (value === null ? null : murmur3(Buffer.from(value)))
const all = vectors<Vector>('foreign-key')
const subscriptions = subscriptionSerde(text)
const answers = answerSerde(text)

it.each(all.filter(each => each.kind === 'subscription'))('writes and reads subscription $hex as Kafka Streams does', vector => {
  const { hashedValue, instructionByte, primaryKey: key, partition } = vector
  const subscription = { hash: hashOf(hashedValue), instruction: instructionByte, key, partition }
  expect(Buffer.from(subscriptions.encode(subscription)).toString('hex')).toBe(vector.hex)
  expect(subscriptions.decode(hex(vector.hex))).toEqual(subscription)
})

it.each(all.filter(each => each.kind === 'response'))('writes and reads answer $hex as Kafka Streams does', vector => {
  const answer = { hash: hashOf(vector.hashedValue), value: vector.foreignValue, partition: undefined }
  expect(Buffer.from(answers.encode({ ...answer, partition: 3 })).toString('hex')).toBe(vector.hex)
  expect(answers.decode(hex(vector.hex))).toEqual(answer)
})

it.each(all.filter(each => each.kind === 'combinedKey'))('writes store key $hex as Kafka Streams does', vector => {
  const combined = new CombinedKey()
  const raw = Buffer.from(combined.of(vector.foreignKey, vector.primaryKey))
  expect(raw.toString('hex')).toBe(vector.hex)
  expect(raw.subarray(0, CombinedKey.split(raw)).toString('hex')).toBe(vector.prefixHex)
  expect(Buffer.from(combined.of(Buffer.from(vector.foreignKey), Buffer.from(vector.primaryKey))).toString('hex')).toBe(vector.hex)
})

it('has vectors of all three kinds', () => {
  expect(all.length).toBeGreaterThan(30)
  for (const kind of ['subscription', 'response', 'combinedKey']) expect(all.some(each => each.kind === kind)).toBe(true)
})

it('writes and reads version 0, which says no partition', () => {
  const old = { hash: 'h'.repeat(16), instruction: 2, key: 'k', partition: undefined } as const
  expect(subscriptions.encode(old)[0]).toBe(0)
  expect(subscriptions.decode(subscriptions.encode(old))).toEqual(old)
})

it('writes store keys longer than its buffer', () => {
  const long = 'ã'.repeat(5000)
  const raw = Buffer.from(new CombinedKey().of(long, 'k'))
  expect(raw.subarray(4).toString()).toBe(`${long}k`)
})

it('reads views by what they show', () => {
  const inner = subscriptionSerde(bytes)
  const raw = Buffer.concat([Buffer.from([9]), inner.encode({ hash: null, instruction: 1, key: Buffer.from('key'), partition: 7 })])
  expect(Buffer.from(inner.decode(raw.subarray(1)).key).toString()).toBe('key')
})

it.each(['', '00', '0104', '810461', '02020000', `0102${'00'.repeat(17)}`])('refuses %j as a subscription', raw => {
  expect(() => subscriptions.decode(hex(raw))).toThrow(RangeError)
})

it.each(['', '00', '01', '81', '000102'])('refuses %j as an answer', raw => {
  expect(() => answers.decode(hex(raw))).toThrow(RangeError)
})
