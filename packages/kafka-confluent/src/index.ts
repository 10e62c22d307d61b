import type { Broker } from '@riacho/streams/engine'
import { ConfluentBroker } from './broker.ts'
import { Failures } from './errors.ts'
import { Home } from './home.ts'
import { loadDriver } from './load.ts'
import { type ConfluentOptions, checked, needFeatures } from './options.ts'
import { keepTicket } from './ticket.ts'

export { ConfluentError } from './errors.ts'
export type { ConfluentOptions, ConfluentSasl, ConfluentTls } from './options.ts'

/**
 * A client of a Kafka cluster by `@confluentinc/kafka-javascript`. Rejects with CONFIGURATION, with RIACHO_NO_CONFLUENT when the driver is not installed, or with why there is no ticket or no broker answers.
 *
 * @example
 * const broker = await confluent({ brokers: ['localhost:9092'], sasl: { mechanism: 'GSSAPI' } })
 */
export async function confluent(options: ConfluentOptions): Promise<Broker> {
  const settings = checked(options)
  const driver = loadDriver(options.driver)
  needFeatures(driver, options)
  const { identity, connectTimeoutMs } = settings
  const stopTickets = identity === undefined ? () => {} : await keepTicket(identity, connectTimeoutMs)
  try {
    return await reached(new ConfluentBroker(new Home(driver, new Failures(driver), settings), stopTickets))
  } catch (thrown) {
    stopTickets()
    throw thrown
  }
}

async function reached(broker: ConfluentBroker): Promise<Broker> {
  try {
    await broker.reach()
  } catch (thrown) {
    await broker.close()
    throw thrown
  }
  return broker
}
