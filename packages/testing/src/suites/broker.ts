import type { Broker } from '@riacho/streams/engine'
import { BrokerFixture, type BrokerTest } from './broker-fixture.ts'
import { groupTests } from './broker-groups.ts'
import { recordTests } from './broker-records.ts'
import { transactionTests } from './broker-transactions.ts'
import { type Skip, type TestFunctions, testsOf } from './tests.ts'

/** What {@link brokerSuite} takes. */
export interface BrokerSuiteOptions {
  readonly name: string
  /** Opens a broker; the suite closes it. Topics and groups have names of their own, so one cluster serves all tests. */
  readonly open: () => Promise<Broker>
  /** Closes the broker and opens its data again. */
  readonly reopen?: (broker: Broker) => Promise<Broker>
  /** Tests that do not apply, each with its reason. */
  readonly skip?: readonly Skip[]
}

/** The contract of `Broker` as tests: every implementation runs them. */
export const brokerSuite = ({ name, open, reopen, skip = [] }: BrokerSuiteOptions, { describe, it, expect }: TestFunctions): void => {
  const opened = (test: BrokerTest) => async (): Promise<void> => {
    const fixture = new BrokerFixture(await open(), expect, reopen)
    try {
      await test(fixture)
    } finally {
      await fixture.close()
    }
  }
  const tests = { ...recordTests, ...groupTests, ...transactionTests }
  describe(`Broker contract: ${name}`, () => {
    testsOf(it, skip, Object.fromEntries(Object.entries(tests).map(([title, test]) => [title, opened(test)])))
  })
}
