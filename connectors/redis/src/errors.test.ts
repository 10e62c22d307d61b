import { ErrorReply } from '@redis/client'
import { expect, it } from 'vitest'
import { sinkError } from './errors.ts'
import { redisCache } from './index.ts'

it.each([
  ['ERR max number of clients reached', 'transient', true],
  ['LOADING Redis is loading the dataset in memory', 'transient', false],
  ['ERR unknown command', 'permanent', false],
  ['WRONGPASS invalid username-password pair', 'permanent', false],
])('%s is %s', (reply, kind, away) => {
  expect(sinkError('cache', new ErrorReply(reply))).toMatchObject({ kind, away })
})

it('what is wrong with an address is said without the password in it', () => {
  const told = (): string => {
    try {
      redisCache({ url: 'valkey://:hush@host:6379', prefix: 'p:' })
    } catch (thrown) {
      return String(thrown)
    }
    return ''
  }
  expect(told()).toContain('RIACHO_REDIS_OPTION')
  expect(told()).not.toContain('hush')
})
