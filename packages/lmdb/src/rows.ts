import { type Row, Rows, readLong, type Serde, SortedKeys, UndoLog, wireOf, writeLong } from '@riacho/streams/engine'
import type { OrderedFile, Stretch } from './file.ts'

/** How rows are kept. */
export interface RowsOptions<V> {
  readonly value: Serde<V>
  /** Values have their time before them, in 8 bytes (Kafka Streams: `ValueAndTimestampSerializer`). */
  readonly timed: boolean
  /** Bytes of rows in memory at which a commit writes them to the file. */
  readonly memoryBytesMax: number
  /** What is over just now. Undefined: rows live until they are deleted. */
  readonly over?: () => Over
}

/** What nobody sees any more. */
export interface Over {
  /** In the order of time, it lies from here on, … */
  readonly from: string
  /** … before this key. */
  readonly until: string
  /** Whether a row, or a key of an index, is over. */
  includes(key: string): boolean
  /** If those keys are an index: the key of the row that one stands for. */
  rowOf?(key: string): string
}

/** What stands for a row that is deleted, but may be in the file. */
const gone = Symbol('gone')
/** What stands in an index. */
const there = Symbol('there')
const nothing = Buffer.alloc(0)
const noRows: Stretch = { keys: [], values: [] }

/** What a row takes in memory beside its bytes, about. */
const rowBytes = 100
/** Rows and bytes of one transaction at most: small ones leave the file smaller, because the pages of the one before are used again. */
export const writtenRowsMax = 1024
/** See {@link writtenRowsMax}. */
export const writtenBytesMax = 4 << 20
/** Rows that a walk reads at once. */
export const walkedRowsMax = 128

/**
 * Rows in byte order: in a file, and before it in memory those that were written last. What is uncommitted is in memory only, so a rollback touches no file; when a commit
 * finds that memory holds enough, it writes all that is there, in the order of the keys. Rows that are written again and again so meet the file seldom.
 */
export class DiskRows<V> {
  readonly #file: OrderedFile
  readonly #options: RowsOptions<V>
  readonly #rows = new Rows<V | symbol>()
  readonly #undo = new UndoLog<V | symbol>()
  /** The keys in memory, made at the first ordered read. */
  #sorted: SortedKeys<string> | undefined
  /** Bytes in memory at most: what was written over counts until it is measured. */
  #bytes = 0
  /** Changes whenever a walk must look again for its next key in memory, and in the file. */
  #changes = 0
  #transactions = 0
  #scratch = Buffer.alloc(4096)

  constructor(file: OrderedFile, options: RowsOptions<V>) {
    this.#file = file
    this.#options = options
  }

  /** Keys that are there. Looks at each one in memory. */
  get size(): number {
    let size = this.#file.rows
    for (const key of this.#rows.keys() as Iterable<string>) {
      const inFile = this.#file.get(key) !== undefined
      if (this.#rows.value(this.#rows.slot(key)) === gone) size -= inFile ? 1 : 0
      else size += inFile ? 0 : 1
    }
    return size
  }

  /** Keys written since the last commit. */
  get uncommitted(): number {
    return this.#undo.size
  }

  get(key: string): Row<V> | undefined {
    const slot = this.#rows.slot(key)
    if (slot >= 0) return this.#inMemory(slot)
    const bytes = this.#file.get(key)
    return bytes === undefined ? undefined : this.#decoded(bytes)
  }

  /** Writes a row, or deletes it. `bytes`: of its value. */
  write(key: string, value: V | null, timestamp: number, bytes: number): void {
    this.#write(key, value ?? gone, timestamp, bytes)
  }

  /** Sets a key of an index, or deletes it. */
  mark(key: string, set: boolean): void {
    this.#write(key, set ? there : gone, 0, 0)
  }

  /** As {@link write}, of what is committed. */
  restore(key: string, value: V | null, timestamp: number, bytes: number): void {
    this.#restore(key, value ?? gone, timestamp, bytes)
  }

  /** As {@link mark}, of what is committed. */
  restoreMark(key: string, set: boolean): void {
    this.#restore(key, set ? there : gone, 0, 0)
  }

  /** Rows from `from` on, before `until`; backward the last first. They may be written meanwhile: each step looks anew. */
  *walk(from: string, until: string, backward = false): IterableIterator<readonly [string, Row<V>]> {
    for (const [key, bytes] of this.#walk(from, until, backward)) {
      const row = bytes === undefined ? this.#inMemory(this.#rows.slot(key)) : this.#decoded(bytes)
      if (row !== undefined) yield [key, row]
    }
  }

  /** As {@link walk}, keys of an index. */
  *marks(from: string, until: string, backward = false): IterableIterator<string> {
    for (const [key, bytes] of this.#walk(from, until, backward))
      if (bytes !== undefined || this.#rows.value(this.#rows.slot(key)) !== gone) yield key
  }

  committed(): void {
    this.#undo.committed()
    this.#relieve()
  }

  rollback(): void {
    this.#undo.rollback()
    this.#sorted = undefined
    this.#changes++
  }

  clear(): void {
    this.#forget()
    this.#undo.committed()
    this.#file.clear()
    this.#transactions++
  }

  close(): void {
    this.#file.close()
  }

  #write(key: string, value: V | symbol, timestamp: number, bytes: number): void {
    this.#changes++
    this.#bytes += rowBytes + key.length + bytes
    if (value === gone && this.#file.untouched) {
      this.#undo.write(this.#rows, key, null, timestamp)
      this.#sorted?.delete(key)
    } else {
      this.#undo.write(this.#rows, key, value, timestamp)
      this.#sorted?.add(key)
    }
  }

  #restore(key: string, value: V | symbol, timestamp: number, bytes: number): void {
    this.#bytes += rowBytes + key.length + bytes
    if (value === gone && this.#file.untouched) this.#rows.delete(key)
    else this.#rows.set(key, value, timestamp, 0)
    this.#sorted = undefined
    this.#changes++
    this.#relieve()
  }

  #inMemory(slot: number): Row<V> | undefined {
    const value = this.#rows.value(slot)
    return value === gone ? undefined : { value: value as V, timestamp: this.#rows.timestamp(slot) }
  }

  #decoded(bytes: Buffer): Row<V> {
    const { value, timed } = this.#options
    const from = timed ? 8 : 0
    return {
      value: value.decodeAt === undefined ? value.decode(bytes.subarray(from)) : value.decodeAt(bytes, from, bytes.length),
      timestamp: timed ? readLong(bytes, 0) : 0,
    }
  }

  /** Keys in order, with their bytes if they come from the file; those in memory may be gone. */
  *#walk(from: string, until: string, backward: boolean): IterableIterator<readonly [string, Buffer | undefined]> {
    let [low, high] = [from, until]
    let stretch = noRows
    let at = 0
    let mine: string | undefined
    let looked = false
    let [changes, transactions] = [-1, -1]
    for (;;) {
      if (transactions !== this.#transactions || (at === stretch.keys.length && at === walkedRowsMax)) {
        transactions = this.#transactions
        stretch = this.#file.read(low, high, walkedRowsMax, backward)
        at = 0
      }
      if (changes !== this.#changes || !looked) {
        changes = this.#changes
        looked = true
        mine = this.#next(low, high, backward)
      }
      const its = stretch.keys[at]
      const key = mine === undefined || (its !== undefined && its < mine !== backward) ? its : mine
      if (key === undefined) return
      const bytes = key === mine ? undefined : stretch.values[at]
      if (key === its) at++
      if (key === mine) looked = false
      if (backward) high = key
      else low = `${key}\0`
      yield [key, bytes]
    }
  }

  /** The next key in memory. */
  #next(low: string, high: string, backward: boolean): string | undefined {
    this.#sorted ??= new SortedKeys(byBytes, this.#rows.keys() as Iterable<string>)
    const key = backward ? this.#sorted.lastBefore(key => key >= high) : this.#sorted.firstFrom(key => key >= low)
    return key === undefined || key < low || key >= high ? undefined : key
  }

  /** Writes everything to the file if memory holds too much of it. Only of what is committed. */
  #relieve(): void {
    const { memoryBytesMax } = this.#options
    if (this.#bytes <= memoryBytesMax) return
    this.#bytes = this.#measured()
    if (this.#bytes > memoryBytesMax / 2) this.#spill()
  }

  #measured(): number {
    let bytes = 0
    for (const key of this.#rows.keys() as Iterable<string>) {
      const value = this.#rows.value(this.#rows.slot(key))
      bytes += rowBytes + key.length + (typeof value === 'symbol' ? 0 : wireOf(this.#options.value, value).length)
    }
    return bytes
  }

  #spill(): void {
    const over = this.#options.over?.()
    const keys = ([...this.#rows.keys()] as string[]).sort()
    let part = new Map<string, Buffer | null>()
    let bytes = 0
    for (const key of keys) {
      if (over?.includes(key)) continue
      const value = this.#encoded(this.#rows.slot(key))
      part.set(key, value)
      bytes += key.length + (value?.length ?? 0)
      if (part.size < writtenRowsMax && bytes < writtenBytesMax) continue
      this.#transact(part, bytes)
      part = new Map()
      bytes = 0
    }
    if (part.size > 0) this.#transact(part, bytes)
    if (over !== undefined) this.#expire(over, keys.length)
    this.#forget()
  }

  #transact(rows: ReadonlyMap<string, Buffer | null>, bytes: number): void {
    this.#transactions++
    this.#file.write(rows.size, bytes, () => {
      for (const [key, value] of rows) {
        if (value === null) this.#file.remove(key)
        else this.#file.put(key, value)
      }
    })
  }

  /** Deletes what is over from the file: more than rows come, few enough that time may jump. What is over and still there nobody sees. */
  #expire({ from, until, rowOf }: Over, written: number): void {
    for (let left = written * 2 + writtenRowsMax; left > 0; left -= writtenRowsMax) {
      const { keys } = this.#file.read(from, until, writtenRowsMax, false)
      if (keys.length === 0) return
      const rows = rowOf === undefined ? keys : [...keys, ...keys.map(rowOf)]
      this.#transact(new Map(rows.map(key => [key, null])), 0)
    }
  }

  /** The bytes of a row in memory; null: it is to be deleted. */
  #encoded(slot: number): Buffer | null {
    const value = this.#rows.value(slot)
    if (value === gone) return null
    if (value === there) return nothing
    const wire = wireOf(this.#options.value, value as V)
    const from = this.#options.timed ? 8 : 0
    const most = from + wire.length * (typeof wire === 'string' ? 3 : 1)
    if (most > this.#scratch.length) this.#scratch = Buffer.alloc(most * 2)
    if (this.#options.timed) writeLong(this.#scratch, this.#rows.timestamp(slot), 0)
    if (typeof wire !== 'string') this.#scratch.set(wire, from)
    const end = from + (typeof wire === 'string' ? this.#scratch.utf8Write(wire, from) : wire.length)
    return Buffer.from(this.#scratch.subarray(0, end))
  }

  #forget(): void {
    this.#rows.clear()
    this.#sorted = undefined
    this.#bytes = 0
    this.#changes++
  }
}

const byBytes = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
