import type { Broker } from '@riacho/streams/engine'
import { KafkaBroker } from './broker.ts'
import { checked, type KafkaOptions } from './options.ts'

export type { Codec } from './compression.ts'
export { KafkaError } from './errors.ts'
export type { KafkaOptions } from './options.ts'
export type { SaslOptions, Secret } from './transport/sasl.ts'

/**
 * A client of a Kafka cluster. Rejects with CONFIGURATION, or with why no broker answers.
 *
 * @example
 * const broker = await kafka({ brokers: ['localhost:9092'] })
 */
export async function kafka(options: KafkaOptions): Promise<Broker> {
  const broker = new KafkaBroker(checked(options))
  try {
    await broker.reach()
  } catch (thrown) {
    await broker.close()
    throw thrown
  }
  return broker
}
