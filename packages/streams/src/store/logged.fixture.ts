import { type Headers, noHeaders } from '../contract/record.ts'
import type { DropReason, StoreTask } from '../contract/task.ts'

/** One write as the changelog gets it. */
export interface Logged {
  readonly key: Buffer
  readonly value: Buffer | null
  readonly timestamp: number
  readonly headers: Headers
}

/** A store's task that keeps what is logged and dropped. */
export class LoggingTask implements StoreTask {
  readonly logged: Logged[] = []
  readonly dropped: DropReason[] = []

  /** Copies, as the changelog does: stores use their buffers again. */
  log(key: string | Uint8Array, value: string | Uint8Array | null, timestamp: number, headers: Headers = noHeaders): void {
    this.logged.push({ key: copied(key), value: value === null ? null : copied(value), timestamp, headers })
  }

  drop(reason: DropReason): void {
    this.dropped.push(reason)
  }
}

const copied = (written: string | Uint8Array): Buffer =>
  typeof written === 'string' ? Buffer.from(written) : Buffer.from(Uint8Array.from(written))

/** Keys whose orders by UTF-16 units and by bytes differ, and whose lengths do. */
export const unevenKeys: readonly string[] = ['', 'a', 'aa', 'b', '\u{1f600}', '\uffee', 'é', '中', 'z'.repeat(300)]
