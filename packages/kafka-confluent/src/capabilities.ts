import type { BrokerCapabilities } from '@riacho/streams/engine'

/** What librdkafka and its binding cannot do. */
export const capabilities: BrokerCapabilities = Object.freeze({
  customAssignment: false,
  secondTransactions: false,
  headersWithoutValue: false,
  earliestTimestamp: 1,
})
