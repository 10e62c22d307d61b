export type {
  Admin,
  Broker,
  CommittedOffset,
  Fetcher,
  FetchOptions,
  GroupCallbacks,
  GroupOptions,
  Membership,
  PartitionOffsets,
  PartitionWriter,
  Producer,
  ProducerOptions,
  RecordBatches,
  RecordCursor,
  TopicPartition,
  TopicSpec,
} from './contract/broker.ts'
export { BrokerError } from './contract/broker.ts'
export { type Clock, systemClock } from './contract/clock.ts'
export { type Headers, noHeaders } from './contract/record.ts'
export { RiachoError, reasonOf } from './errors.ts'
