import { confluent } from '@riacho/kafka-confluent'
import type { Broker } from '@riacho/streams/engine'
import { brokerSuite } from '@riacho/testing/suites'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { confluentDriver } from '../servers/confluent.ts'
import { type KafkaServer, startKafka } from '../servers/kafka.ts'

// The suite waits up to 20 seconds for what must happen, and then says what did not.
vi.setConfig({ testTimeout: 30_000 })

let server: KafkaServer
let driver: string

beforeAll(async () => {
  const say = (line: string) => process.stderr.write(`riacho: ${line}\n`)
  driver = await confluentDriver(say)
  server = await startKafka()
}, 900_000)

afterAll(() => server?.stop())

const open = (): Promise<Broker> => confluent({ brokers: [server.address], driver })

const reopen = async (broker: Broker): Promise<Broker> => {
  await broker.close()
  return open()
}

const skip = [
  { test: 'keeps nulls, empty bytes, UTF-8, timestamps and headers', reason: 'the binding writes no header without a value' },
  ...['uses the assignment that is given', 'lets members tell the one that distributes, and be told by it'].map(test => ({
    test,
    reason: 'librdkafka takes no assignor of ours',
  })),
  {
    test: 'takes metadata of 4,096 characters with an offset, and refuses more',
    reason: 'the binding appends a NUL to metadata, so 4,095 characters are the limit',
  },
  {
    test: 'moves the position over slices in which everything was aborted',
    reason: 'librdkafka tells where hidden records end only at the end of the partition',
  },
  ...[
    'aborts a transaction that is open for too long: its producer is not fenced, and goes on after an abort',
    'refuses everything after a failed flush in a transaction, until it is aborted',
  ].map(test => ({ test, reason: 'to librdkafka a transaction that took too long is fenced; its shortest time-out is a second' })),
]

brokerSuite({ name: 'kafka-confluent', open, reopen, skip }, { describe, it, expect })
