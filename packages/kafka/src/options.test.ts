import { expect, it } from 'vitest'
import { kafka } from './index.ts'
import { checked, type KafkaOptions } from './options.ts'

it('takes brokers as a list and as one text', () => {
  expect(checked({ brokers: ['a:1', '[::1]:2'], bootstrapServers: 'b.example:3, c:4' }).bootstrap).toEqual([
    { host: 'a', port: 1 },
    { host: '::1', port: 2 },
    { host: 'b.example', port: 3 },
    { host: 'c', port: 4 },
  ])
})

it.each<[KafkaOptions, string]>([
  [{}, 'no broker'],
  [{ brokers: ['localhost'] }, '"localhost"'],
  [{ brokers: ['localhost:99999'] }, '99999'],
  [{ brokers: ['a:1'], compression: 'zip' as 'gzip' }, 'zip'],
  [{ brokers: ['a:1'], retryForMs: 0 }, 'retryForMs is 0'],
  [{ brokers: ['a:1'], requestTimeoutMs: 1.5 }, 'requestTimeoutMs is 1.5'],
  [{ brokers: ['a:1'], lingerMs: -1 }, 'lingerMs is -1'],
  [{ brokers: ['a:1'], heartbeatIntervalMs: 5000 }, 'a third'],
  [{ brokers: ['a:1'], maxPollIntervalMs: 0 }, 'maxPollIntervalMs is 0'],
  [{ brokers: ['a:1'], instanceId: '' }, 'instanceId is ""'],
  [{ brokers: ['a:1'], instanceId: 'água' }, 'instanceId'],
])('refuses %j', async (options, words) => {
  await expect(kafka(options)).rejects.toMatchObject({ code: 'CONFIGURATION', fatal: true, message: expect.stringContaining(words) })
})

it('says at once that nobody is there', async () => {
  await expect(kafka({ brokers: ['127.0.0.1:1'] })).rejects.toMatchObject({
    code: 'NETWORK_EXCEPTION',
    message: expect.stringContaining('127.0.0.1:1'),
  })
})
