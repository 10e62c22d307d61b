import { bytes } from '@riacho/streams'
import { expect, it } from 'vitest'
import { rabbitSource } from './index.ts'

it('what is wrong with an address is said without the password in it', () => {
  for (const url of ['amqp://user:hush#@host', 'https://user:hush@host']) {
    let told = ''
    try {
      rabbitSource({ url, queue: 'q', value: bytes })
    } catch (thrown) {
      told = String(thrown)
    }
    expect(told).toContain('RIACHO_RABBITMQ_OPTION')
    expect(told).not.toContain('hush')
  }
})
