import { crc32c as portable } from '@riacho/streams/engine'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { crc32c } from './crc32c.ts'

it('is loaded here, and agrees with the portable one', () => {
  expect(crc32c).not.toBe(portable)
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), fc.nat(100), (bytes, start) => {
      const from = Math.min(start, bytes.length)
      expect(crc32c(bytes, from)).toBe(portable(bytes, from))
    }),
  )
})
