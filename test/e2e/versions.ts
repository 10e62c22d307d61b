import { deepStrictEqual, strictEqual } from 'node:assert'
import { kafka } from '@riacho/kafka'
import type { Broker } from '@riacho/streams/engine'
import { brokerSuite } from '@riacho/testing/suites'
import { kafkaVersion, startKafka } from '../servers/kafka.ts'

// The whole Broker contract on each version of Kafka: `node test/e2e/versions.ts`, `node test/e2e/versions.ts 3.6.2 3.7.2` for others.

const versions = process.argv.length > 2 ? process.argv.slice(2) : ['3.5.2', '3.9.1', kafkaVersion]

/** Until 4.0 a coordinator that ends a transaction for taking too long fences its producer, as a newer one would; Java's client cannot tell them apart either. */
const fencedByTimeOut = [
  'aborts a transaction that is open for too long: its producer is not fenced, and goes on after an abort',
  'refuses everything after a failed flush in a transaction, until it is aborted',
]

interface Test {
  readonly name: string
  readonly body: () => Promise<void>
}

/** The tests of a version's suite, and how many of them failed. */
async function failuresOn(version: string): Promise<number> {
  // A transaction that times out is aborted within half a second, not within ten.
  const server = await startKafka({ version, properties: { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500' } })
  const tests: Test[] = []
  const it = Object.assign((name: string, body: () => Promise<void>) => tests.push({ name, body }), { skip: () => {} })
  const expect = (actual: unknown) => ({
    toBe: (expected: unknown) => strictEqual(actual, expected),
    toEqual: (expected: unknown) => deepStrictEqual(actual, expected),
  })
  const open = () => kafka({ brokers: [server.address], poisonLoans: true })
  const reopen = async (broker: Broker) => {
    await broker.close()
    await server.kill()
    await server.restart()
    return open()
  }
  const skip = version.startsWith('3.') ? fencedByTimeOut.map(test => ({ test, reason: 'its coordinator fences' })) : []
  brokerSuite({ name: `Kafka ${version}`, open, reopen, skip }, { describe: (_, body) => body(), it, expect })
  let failed = 0
  try {
    for (const { name, body } of tests)
      await body().catch((failure: unknown) => {
        failed++
        console.log(`Kafka ${version}: FAILED ${name}\n`, failure)
      })
  } finally {
    await server.stop()
  }
  console.log(`Kafka ${version}: ${tests.length - failed} of ${tests.length} tests of the Broker contract passed, ${skip.length} left out`)
  return failed
}

let failed = 0
for (const version of versions) failed += await failuresOn(version)
process.exitCode = failed > 0 ? 1 : 0
