import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { open, type RootDatabase } from 'lmdb'
import { failure, fileFailure } from './errors.ts'

/** Bytes of a key at most: LMDB takes 1978, and a read may begin behind a key, which is one more. */
export const keyBytesMax = 1977

/** The lengths of a file's pieces, as LMDB tells them. */
interface Stats {
  readonly pageSize: number
  readonly treeBranchPageCount: number
  readonly treeLeafPageCount: number
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

/** Zeros that are written where the file shall grow. */
const zeros = Buffer.alloc(1 << 20)

/**
 * Bytes by key in one file of LMDB, in unsigned byte order. The file is nobody's truth: it begins empty, is never synchronised, and is removed when it is closed.
 *
 * LMDB writes through a map of the file, several times faster than by calls; but a map without a disk behind it kills the process. So room is made before each write by
 * ordinary writes of zeros, where a full disk is an error.
 */
export class OrderedFile {
  readonly #path: string
  readonly #bytesMax: number
  readonly #closed: () => void
  readonly #database: RootDatabase<Buffer, string>
  /** For the zeros. */
  readonly #file: number
  /** Bytes from the beginning that have room on the disk. */
  #reserved = 0
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
      useWritemap: true,
      noReadAhead: true,
      maxReaders: 8,
      maxDbs: 1,
    } as const
    try {
      this.#database = open({ path, mapSize: bytesMax, ...settings })
      this.#file = openSync(path, 'r+')
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

  /** Runs `work`, which puts and removes at most `rows` rows with `bytes` bytes, in one transaction: all of it or nothing. */
  write(rows: number, bytes: number, work: () => void): void {
    this.untouched = false
    try {
      this.#reserve(rows, bytes)
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
    closeSync(this.#file)
    for (const file of [this.#path, `${this.#path}-lock`]) rmSync(file, { force: true })
    this.#closed()
  }

  #stats(): Stats {
    return this.#database.getStats() as Stats
  }

  /**
   * Makes room for what a transaction may need beyond the pages that are used: a copy of each leaf that it touches, and of the branches above; a second leaf for each
   * that splits; and what the rows themselves fill.
   */
  #reserve(rows: number, bytes: number): void {
    const { pageSize, treeBranchPageCount, treeLeafPageCount, lastPageNumber } = this.#stats()
    const touched = Math.min(rows, treeLeafPageCount) * 2 + Math.min(rows, treeBranchPageCount)
    const end = (lastPageNumber + 1) * pageSize
    const wanted = end + (touched + sparePages) * pageSize + bytes * 3
    if (wanted > this.#bytesMax) {
      const advice = 'raise bytesMax, or give the topic more partitions'
      throw failure('RIACHO_STORE_FULL', `${this.#path} would have more than ${this.#bytesMax} bytes: ${advice}`)
    }
    for (let at = Math.max(this.#reserved, end); at < wanted; at = this.#reserved)
      this.#reserved = at + writeSync(this.#file, zeros, 0, zeros.length, at)
  }
}

/** Pages that each transaction may need besides, for its own books. */
const sparePages = 64
