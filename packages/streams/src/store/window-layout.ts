import type { Row } from '../contract/store.ts'
import type { Canonical } from './key.ts'

/** How the rows of a window store lie in memory. They remember what was written since the last commit. */
export interface WindowLayout<V> {
  readonly size: number
  readonly uncommitted: number
  get(key: Canonical, start: number): Row<V> | undefined
  /** Writes one row, or deletes it. */
  write(key: Canonical, start: number, value: V | null, timestamp: number): void
  /** As `write`, of what is committed. */
  restore(key: Canonical, start: number, value: V | null, timestamp: number): void
  /** The first start between two, both inclusive, at which there are rows; of one key if it is given. */
  first(from: number, to: number, key?: Canonical): number | undefined
  /** The last one. */
  last(from: number, to: number, key?: Canonical): number | undefined
  /** The keys of the rows with this start, in no order. */
  keysAt(start: number): Canonical[]
  committed(): void
  rollback(): void
  /** Lets go of the rows that start at `limit` or before. Only of what is committed. */
  expire(limit: number): void
  clear(): void
}
