import type { Broker } from '@riacho/streams/engine'
import { ConfluentBroker } from './broker.ts'
import { Failures } from './errors.ts'
import { Home } from './home.ts'
import { loadDriver } from './load.ts'
import { type ConfluentOptions, checked, needFeatures } from './options.ts'

export { ConfluentError } from './errors.ts'
export type { ConfluentOptions, ConfluentSasl, ConfluentTls } from './options.ts'

/**
 * A client of a Kafka cluster by `@confluentinc/kafka-javascript`. Rejects with CONFIGURATION, with RIACHO_NO_CONFLUENT when the driver is not installed, or with why no broker answers.
 *
 * @example
 * const broker = await confluent({ brokers: ['localhost:9092'], sasl: { mechanism: 'GSSAPI' } })
 */
export async function confluent(options: ConfluentOptions): Promise<Broker> {
  const settings = checked(options)
  const driver = loadDriver(options.driver)
  needFeatures(driver, options)
  const broker = new ConfluentBroker(new Home(driver, new Failures(driver), settings))
  try {
    await broker.reach()
  } catch (thrown) {
    await broker.close()
    throw thrown
  }
  return broker
}
