import type { Serde, StoreTask } from '@riacho/streams/engine'
import type { OrderedFile } from './file.ts'

/** What a store is made of. */
export interface StoreParts<K, V> {
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  readonly task: StoreTask
  /** Its own, empty. */
  readonly file: OrderedFile
  readonly memoryBytesMax: number
}

/** Of a store whose rows grow old. */
export interface AgingStoreParts<K, V> extends StoreParts<K, V> {
  /** Milliseconds that a row stays visible. */
  readonly retention: number
}
