import type { Broker } from '@riacho/streams/engine'
import type { KafkaClusterAdmin } from './admin.ts'
import { KafkaBroker } from './broker.ts'
import { checked, type KafkaOptions } from './options.ts'

export type { KafkaClusterAdmin } from './admin.ts'
export type { Codec } from './compression.ts'
export { KafkaError } from './errors.ts'
export type { KafkaOptions } from './options.ts'
export type { SaslOptions, Secret } from './transport/sasl.ts'

/** A Kafka cluster: the Broker contract, and what else its Admin answers. */
export interface KafkaCluster extends Broker {
  readonly admin: KafkaClusterAdmin
}

/**
 * A client of a Kafka cluster. Rejects with CONFIGURATION, or with why no broker answers.
 *
 * @example
 * const broker = await kafka({ brokers: ['localhost:9092'] })
 */
export async function kafka(options: KafkaOptions): Promise<KafkaCluster> {
  const broker = new KafkaBroker(checked(options))
  try {
    await broker.reach()
  } catch (thrown) {
    await broker.close()
    throw thrown
  }
  return broker
}
