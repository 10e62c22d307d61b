import { type Clock, systemClock } from '@riacho/streams/engine'
import { type EmbeddedBroker, LogBroker } from './broker.ts'
import { openDirectory } from './directory.ts'
import { Frames } from './frames.ts'
import { memoryStorage } from './storage.ts'

export type { EmbeddedBroker } from './broker.ts'

/** Options of {@link embedded}. */
export interface EmbeddedOptions {
  /** Where everything is kept. Default: in memory, until the process ends. */
  readonly directory?: string | undefined
  /** Looks at a directory that another process may be writing to. Default false. */
  readonly readOnly?: boolean | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
  /** Partitions of a topic that is created because it is used. Default 1. */
  readonly partitionsDefault?: number | undefined
  /** Creates topics that are used. Default true. */
  readonly autoCreateTopics?: boolean | undefined
  /** In a directory: bytes at which a partition goes on in the next file. Default 64 MiB. */
  readonly segmentBytesMax?: number | undefined
  /** In a directory: partitions of compacted topics from this many bytes on are cleaned when it is opened. Default 1 MiB. */
  readonly compactBytesMin?: number | undefined
  /** Fills the frame of a slice with 0xDB when it is released. For tests; also switched on by the environment variable RIACHO_POISON_LOANS. */
  readonly poisonLoans?: boolean | undefined
}

/** Opens a broker in this process. Rejects with a BrokerError: DATA_DIR_LOCKED, LOG_CORRUPT, IO_ERROR. */
export async function embedded(options: EmbeddedOptions = {}): Promise<EmbeddedBroker> {
  const frames = new Frames(options.poisonLoans ?? Boolean(globalThis.process.env.RIACHO_POISON_LOANS))
  const settings = {
    clock: options.clock ?? systemClock,
    partitionsDefault: options.partitionsDefault ?? 1,
    autoCreateTopics: options.autoCreateTopics ?? true,
    readOnly: options.readOnly ?? false,
  }
  const { directory } = options
  if (directory === undefined) return new LogBroker(settings, memoryStorage(frames), frames)
  const segmentBytesMax = options.segmentBytesMax ?? 64 * 1024 * 1024
  const compactBytesMin = options.compactBytesMin ?? 1024 * 1024
  return new LogBroker(settings, openDirectory({ ...settings, directory, segmentBytesMax, compactBytesMin }, frames), frames)
}
