import type { Row } from '@riacho/streams/engine'

/** How the rows of a window store lie in a file. Keys are as the changelog has them; ranges of starts include both ends. */
export interface WindowLayout<V> {
  readonly size: number
  readonly uncommitted: number
  get(key: string | Uint8Array, start: number): Row<V> | undefined
  /** Writes one row, or deletes it. `bytes`: of its value. */
  write(key: string | Uint8Array, start: number, value: V | null, timestamp: number, bytes: number): void
  /** As `write`, of what is committed. */
  restore(key: string | Uint8Array, start: number, value: V | null, timestamp: number, bytes: number): void
  /** The rows of one key by start. They may be written meanwhile. */
  ofKey(key: string | Uint8Array, from: number, to: number, backward: boolean): IterableIterator<readonly [number, Row<V>]>
  /** The rows of all keys by start and key. They may be written meanwhile. */
  ofAll(from: number, to: number, backward: boolean): IterableIterator<readonly [Buffer, number, Row<V>]>
  committed(): void
  rollback(): void
  clear(): void
  close(): void
}
