import { type BrokerError, reasonOf } from '@riacho/streams/engine'
import type { Driver } from './driver.ts'
import { ConfluentError, type Failures } from './errors.ts'
import type { ConfluentSettings } from './options.ts'

const pauseMs = 20
const longestPauseMs = 500

/** What all parts of one client of a cluster share. */
export class Home {
  readonly driver: Driver
  readonly failures: Failures
  readonly settings: ConfluentSettings

  constructor(driver: Driver, failures: Failures, settings: ConfluentSettings) {
    this.driver = driver
    this.failures = failures
    this.settings = settings
  }

  /** Makes a client of the driver, which refuses settings at once. */
  made<Client>(make: () => Client): Client {
    try {
      return make()
    } catch (cause) {
      throw new ConfluentError('CONFIGURATION', `librdkafka refuses its settings: ${reasonOf(cause)}`, { fatal: true, cause })
    }
  }

  /** Makes a call again while its failure is one that passes, for as long as the settings say. */
  async retrying<Answer>(
    call: () => Promise<Answer>,
    goesOn: (failure: BrokerError) => boolean = ({ retriable }) => retriable,
  ): Promise<Answer> {
    const deadline = Date.now() + this.settings.retryForMs
    for (let pause = pauseMs; ; pause = Math.min(longestPauseMs, pause * 2)) {
      try {
        return await call()
      } catch (thrown) {
        const failure = this.failures.of(thrown)
        if (!goesOn(failure) || Date.now() + pause > deadline) throw failure
        await new Promise(resolve => setTimeout(resolve, pause))
      }
    }
  }
}
