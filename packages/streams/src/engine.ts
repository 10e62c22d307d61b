export { type Checksum, crc32c } from './batch/crc32c.ts'
export { type AbortedTransaction, BatchCursor, type CursorOptions, type Decompress, markerOf } from './batch/decoder.ts'
export { BatchEncoder, encodeMarker, type FinishOptions } from './batch/encoder.ts'
export { batchAttribute, batchField, headerBytes, lengthOverhead, readLong, writeLong } from './batch/layout.ts'
/// <reference path="./node-buffer.d.ts" />
export type {
  Admin,
  Broker,
  BrokerCapabilities,
  CommittedOffset,
  Fetcher,
  FetchOptions,
  GroupAssignor,
  GroupCallbacks,
  GroupMember,
  GroupOptions,
  GroupShare,
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
export type { Asked, GlobalCopy, GlobalFacts, Node, OffsetReset, RetryWay, SourceFacts } from './contract/node.ts'
export { type Headers, noHeaders } from './contract/record.ts'
export { NotReady, type Serde } from './contract/serde.ts'
export type { Source, SourceReader, SourceRecord } from './contract/source.ts'
export type { KeyValueStore, Row, SessionRow, SessionStore, Store, TableView, WindowStore } from './contract/store.ts'
export type {
  DropReason,
  Emit,
  Failure,
  Held,
  Origin,
  Position,
  Punctuator,
  RowsFacts,
  SinkSpec,
  StageRecord,
  StorePlace,
  StoreSpec,
  StoreSuppliers,
  StoreTask,
  Task,
} from './contract/task.ts'
export { codes, RiachoError, reasonOf } from './errors.ts'
export { internal, isLogged, type SubTopology } from './plan/cut.ts'
export { partitionCounts, taskCount } from './plan/partitions.ts'
export { writtenSerdes } from './plan/serdes.ts'
export { asOneTask, isTopology, type Topology } from './plan/topology.ts'
export { bytes } from './serde/bytes.ts'
export { wireOf } from './store/key.ts'
export { Rows } from './store/rows.ts'
export { SortedKeys } from './store/sorted-keys.ts'
export { UndoLog } from './store/undo.ts'
export { type CommitMetadata, decodeCommitMetadata, encodeCommitMetadata, metadataCharactersMax } from './wire/commit-metadata.ts'
export { type DeadLetter, deadLetterHeaders, fittingLetter, readDeadLetter } from './wire/dead-letter.ts'
export { partitionOf } from './wire/murmur2.ts'
export { ScratchKey } from './wire/scratch-key.ts'
export { SessionScratchKey, sessionTail } from './wire/session-key.ts'
export { notBeforeOf, type Waiting, waitingHeaders } from './wire/waiting.ts'
