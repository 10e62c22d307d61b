import { rmSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import { diskFull, failure, fileFailure } from './errors.ts'

/** Bytes of a key at most: LMDB takes 1978, and a read may begin behind a key, which is one more. */
export const keyBytesMax = 1977

/** Pages that any transaction may take beside those of its rows: the path to them, the lists of free pages. */
const sparePages = 64

/** What LMDB tells of a file. */
interface Stats {
  readonly pageSize: number
  readonly entryCount: number
  readonly lastPageNumber: number
}

/** Rows of a file that follow each other. */
export interface Stretch {
  readonly keys: readonly string[]
  readonly values: readonly Buffer[]
}

/** Keys are strings of which a unit is a byte. */
const keyEncoder = {
  writeKey: (key: string, target: Buffer, start: number): number => start + target.latin1Write(key, start),
  readKey: (target: Buffer, start: number, end: number): string => target.latin1Slice(start, end),
}

/**
 * Bytes by key in one file of LMDB, in unsigned byte order. The file is nobody's truth: it begins empty, is never synchronised, and is removed when it is closed.
 * LMDB reads through a map of the file, which takes address space and no memory of the process. It writes by calls: through the map it would be three times faster, but a
 * full disk would kill the process, and so do deletions with the version of LMDB that the package brings.
 */
export class OrderedFile {
  readonly #path: string
  readonly #bytesMax: number
  readonly #closed: () => void
  readonly #database: RootDatabase<Buffer, string>
  /** No row was ever written. */
  untouched = true

  /** `closed` is called when the file is closed and removed. */
  constructor(path: string, bytesMax: number, closed: () => void) {
    this.#path = path
    this.#bytesMax = bytesMax
    this.#closed = closed
    const settings = {
      encoding: 'binary',
      keyEncoder,
      noSync: true,
      noMemInit: true,
      noReadAhead: true,
      maxReaders: 8,
      maxDbs: 1,
    } as const
    try {
      this.#database = open({ path, mapSize: bytesMax, ...settings })
    } catch (thrown) {
      throw fileFailure(path, 'opening', thrown)
    }
  }

  get rows(): number {
    return this.untouched ? 0 : this.#stats().entryCount
  }

  /** The bytes of a key, valid until the next read. */
  get(key: string): Buffer | undefined {
    if (this.untouched) return undefined
    const database = this.#database as RootDatabase<Buffer, string> & { readonly lastSize: number }
    // It comes with a `length` of its own, which only some methods look at.
    return database.getBinaryFast(key)?.subarray(0, database.lastSize)
  }

  /** At most `rowsMax` rows from `from` on, before `until`; backward the last ones first. */
  read(from: string, until: string, rowsMax: number, backward: boolean): Stretch {
    const keys: string[] = []
    const values: Buffer[] = []
    if (this.untouched || from >= until) return { keys, values }
    const range = backward ? { start: until, end: from, exclusiveStart: true, inclusiveEnd: true } : { start: from, end: until }
    for (const { key, value } of this.#database.getRange({ ...range, reverse: backward, limit: rowsMax })) {
      keys.push(key)
      values.push(value)
    }
    return { keys, values }
  }

  /** Runs `work`, which puts and removes so many rows with so many bytes, in one transaction: all of it or nothing. */
  write(rows: number, bytes: number, work: () => void): void {
    this.untouched = false
    try {
      this.#check()
      this.#checkDisk(rows, bytes)
      // A reader of the last transaction would keep its pages from being used again.
      this.#database.resetReadTxn()
      this.#database.transactionSync(work)
    } catch (thrown) {
      throw fileFailure(this.#path, 'writing', thrown)
    }
  }

  /** In {@link write}. */
  put(key: string, value: Buffer): void {
    this.#database.putSync(key, value)
  }

  /** In {@link write}. */
  remove(key: string): void {
    this.#database.removeSync(key)
  }

  clear(): void {
    if (this.untouched) return
    this.#database.clearSync()
    this.untouched = true
  }

  close(): void {
    // It has closed when it returns: nothing here waits for another thread.
    void this.#database.close()
    for (const file of [this.#path, `${this.#path}-lock`]) rmSync(file, { force: true })
    this.#closed()
  }

  #stats(): Stats {
    return this.#database.getStats() as Stats
  }

  /** LMDB itself would take more. */
  #check(): void {
    const { pageSize, lastPageNumber } = this.#stats()
    if (lastPageNumber * pageSize < this.#bytesMax) return
    const advice = 'raise bytesMax, or give the topic more partitions'
    throw failure('RIACHO_STORE_FULL', `${this.#path} has more than ${this.#bytesMax} bytes: ${advice}`)
  }

  /**
   * A write that the system refuses must not happen: the LMDB of the package then writes behind the end of a buffer, and the process dies later anywhere
   * (`mdb_page_flush`, `last_error`). At most a row makes two new pages, and those above them are few.
   */
  #checkDisk(rows: number, bytes: number): void {
    const { pageSize } = this.#stats()
    const { bavail, bsize } = statfsSync(dirname(this.#path))
    if (bavail * bsize < (2 * rows + sparePages) * pageSize + 2 * bytes) throw diskFull(this.#path, `${bavail * bsize} bytes are free`)
  }
}
