import { basename } from 'node:path'
import type { Headers, Serde, Source, SourceReader, SourceRecord } from '@riacho/streams'
import { noHeaders, systemClock } from '@riacho/streams/engine'
import { decodePosition, type FileHead, openRenamed, type Position, statOf, TailedFile } from './client.ts'
import { missing } from './errors.ts'
import { type FileChange, type FileOptions, type FileSettings, settingsOf, truncatedBytes } from './options.ts'

const newline = 10
const carriageReturn = 13
const nothing: Buffer = Buffer.alloc(0)
const noKey: Serde<null> = { encode: () => new Uint8Array(0), decode: () => null, total: true }

/**
 * A replayable source of one partition that tails a text file: a record per line, its value the bytes without LF or CRLF, its key null, its `offset`
 * the line number from 1, its timestamp the time at which it was read.
 *
 * @example
 * source(file({ path: 'events.txt', value: json<unknown>() })).pipe(validate(eventSchema, { onError: { deadLetter: 'events-invalid' } }))
 *
 * Throws `RIACHO_FILE_OPTION`. `partitions()` rejects with `RIACHO_FILE_MISSING` unless `wait` is set.
 */
export const file = <V, K = null>(options: FileOptions<V, K>): Source<K, V> => {
  const settings = settingsOf(options as FileOptions<never, never>)
  const partition = basename(settings.path)
  return {
    name: settings.name,
    positions: 'replayable',
    keyed: false,
    key: options.key ?? (noKey as Serde<never>),
    value: options.value,
    async partitions() {
      const opened = await TailedFile.open(settings.path)
      if (opened === null && !settings.wait) throw missing(settings.path, undefined)
      await opened?.close()
      return [partition]
    },
    open: (_, from) => new FileReader(settings, from === null ? null : decodePosition(from, settings.path)),
  }
}

class FileReader implements SourceReader {
  readonly #settings: FileSettings
  readonly #from: Position | null
  readonly #counts = { truncated: 0, rotated: 0, replaced: 0 }
  #file: TailedFile | null = null
  #lines: LineCutter | null = null
  /** The writer was seen to write to a new file, so that the end of this one is final. */
  #leaving = false
  #step: Promise<boolean> | null = null
  #closed = false

  constructor(settings: FileSettings, from: Position | null) {
    this.#settings = settings
    this.#from = from
  }

  async read(recordsMax: number, signal: AbortSignal): Promise<readonly SourceRecord[]> {
    while (!signal.aborted && !this.#closed) {
      const records = this.#lines?.take(recordsMax) ?? []
      if (records.length > 0) return records
      if (!(await this.#more())) await systemClock.sleep(this.#settings.poll, signal)
    }
    return []
  }

  async commit(): Promise<void> {}

  async lag(): Promise<number> {
    // A last line without its end cannot be read yet and does not count: only a look at the bytes tells.
    while (!this.#lines?.ready()) if (this.#closed || !(await this.#more())) return 0
    const left = (await this.#file!.size()) - this.#lines.lineStart
    const next = await statOf(this.#settings.path)
    return Math.max(1, left) + (next === null || this.#is(next) ? 0 : Number(next.size))
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#step?.catch(() => {})
    await this.#file?.close()
    this.#file = null
    this.#lines = null
  }

  /** Reads on; false when there is nothing new. `lag` may ask while `read` waits: both then take part in one step. */
  #more(): Promise<boolean> {
    this.#step ??= this.#advance().finally(() => {
      this.#step = null
    })
    return this.#step
  }

  async #advance(): Promise<boolean> {
    if (this.#file === null) return this.#start()
    const lines = this.#lines!
    const got = await this.#file.next(lines.lineStart, this.#settings.chunkBytesMax)
    if (got === 'end') return this.#leave(lines)
    if (got === 'truncated') this.#again(this.#file)
    else if (got === 'torn') this.#file.back(lines.forget())
    else lines.feed(got, Date.now())
    return true
  }

  async #start(): Promise<boolean> {
    const opened = await TailedFile.open(this.#settings.path)
    const from = this.#from
    if (from === null) return opened !== null && this.#use(opened, 0)
    if (await opened?.resume(from)) return this.#use(opened!, from.line)
    const renamed = await openRenamed(this.#settings.path, from)
    if (renamed !== null) {
      await opened?.close()
      return this.#use(renamed, from.line)
    }
    if (opened === null) return false
    if (opened.inode === from.inode) this.#tell('truncated', 'was cut or written anew; reading it again from its start')
    else this.#tell('replaced', `is another file than before; what the old one held after line ${from.line} was not read`)
    return this.#use(opened, 0)
  }

  #use(opened: TailedFile, line: number): true {
    this.#file = opened
    this.#lines = new LineCutter(opened.head, opened.offset, line, this.#settings.lineBytesMax)
    this.#leaving = false
    return true
  }

  #again(opened: TailedFile): void {
    this.#tell('truncated', 'was cut or written anew; reading it again from its start')
    opened.rewind()
    this.#use(opened, 0)
  }

  /**
   * At the end of the file: goes over to the file that took its place. The new one must hold something, for until then the writer may still write to
   * the old one; and the old one is read once more after that was seen.
   */
  async #leave(lines: LineCutter): Promise<boolean> {
    const now = await statOf(this.#settings.path)
    if (now === null || now.size === 0n || this.#is(now)) return false
    if (!this.#leaving) {
      this.#leaving = true
      return true
    }
    if (lines.finish()) return true
    const opened = await TailedFile.open(this.#settings.path)
    if (opened === null) return false
    await this.#file!.close()
    this.#tell('rotated', 'is a new file; the old one was read to its end')
    return this.#use(opened, 0)
  }

  #is(facts: { readonly dev: bigint; readonly ino: bigint }): boolean {
    return facts.ino === this.#file!.inode && facts.dev === this.#file!.device
  }

  #tell(kind: FileChange['kind'], what: string): void {
    this.#counts[kind]++
    this.#settings.onChange({ kind, path: this.#settings.path, count: this.#counts[kind], message: `${this.#settings.path} ${what}` })
  }
}

/** A line. Its position is made when asked for: the engine asks for few of them. */
class LineRecord implements SourceRecord {
  readonly key = null
  readonly value: Uint8Array
  readonly timestamp: number
  readonly headers: Headers
  readonly offset: number
  readonly #head: FileHead
  readonly #end: number

  constructor(value: Uint8Array, timestamp: number, headers: Headers, line: number, head: FileHead, end: number) {
    this.value = value
    this.timestamp = timestamp
    this.headers = headers
    this.offset = line
    this.#head = head
    this.#end = end
  }

  get position(): Uint8Array {
    return this.#head.position(this.#end, this.offset)
  }
}

/**
 * Cuts the chunks of one file into lines. Values are views of their chunk, which is never used again; a line that spans chunks is copied once, and one
 * that is longer than `lineBytesMax` is counted, not kept.
 */
class LineCutter {
  /** Byte offset of the end of the last whole line. */
  lineStart: number
  readonly #head: FileHead
  readonly #lineBytesMax: number
  #line: number
  #chunk: Buffer = nothing
  #from = 0
  #readAt = 0
  /** The line whose end was not read yet: its bytes, or the first of them when it is too long, and how many there are. */
  #pieces: Buffer[] = []
  #held = 0
  #lastByte = 0
  #last: LineRecord | null = null

  constructor(head: FileHead, lineStart: number, line: number, lineBytesMax: number) {
    this.#head = head
    this.lineStart = lineStart
    this.#line = line
    this.#lineBytesMax = lineBytesMax
  }

  /** Takes the next bytes of the file, read at `readAt` (epoch milliseconds), once all lines before are taken. */
  feed(chunk: Buffer, readAt: number): void {
    this.#chunk = chunk
    this.#from = 0
    this.#readAt = readAt
  }

  /** Whether `take` has a line to give. */
  ready(): boolean {
    if (this.#last !== null || this.#chunk.indexOf(newline, this.#from) >= 0) return true
    this.#hold()
    return false
  }

  /** At most `recordsMax` whole lines. */
  take(recordsMax: number): SourceRecord[] {
    const records: SourceRecord[] = []
    if (this.#last !== null) records.push(this.#last)
    this.#last = null
    const chunk = this.#chunk
    while (records.length < recordsMax) {
      const end = chunk.indexOf(newline, this.#from)
      if (end < 0) {
        this.#hold()
        break
      }
      records.push(this.#held === 0 && end - this.#from <= this.#lineBytesMax ? this.#whole(chunk, this.#from, end) : this.#joined(end))
      this.#from = end + 1
    }
    return records
  }

  /** Forgets the unfinished line; returns where it began. */
  forget(): number {
    this.#pieces = []
    this.#held = 0
    return this.lineStart
  }

  /** Makes the unfinished line a record, since its file is left; false when there is none. */
  finish(): boolean {
    if (this.#last === null && this.#held > 0) this.#last = this.#record(this.#held, 0)
    return this.#last !== null
  }

  #whole(chunk: Buffer, from: number, end: number): LineRecord {
    const value = chunk.subarray(from, end > from && chunk[end - 1] === carriageReturn ? end - 1 : end)
    this.lineStart += end - from + 1
    return new LineRecord(value, this.#readAt, noHeaders, ++this.#line, this.#head, this.lineStart)
  }

  #joined(end: number): LineRecord {
    this.#keep(this.#chunk.subarray(this.#from, end))
    return this.#record(this.#held, 1)
  }

  #hold(): void {
    if (this.#from < this.#chunk.length) this.#keep(this.#chunk.subarray(this.#from))
    this.#chunk = nothing
    this.#from = 0
  }

  #keep(piece: Buffer): void {
    const fitted = this.#held <= this.#lineBytesMax
    this.#held += piece.length
    if (piece.length > 0) this.#lastByte = piece[piece.length - 1]!
    if (!fitted) return
    this.#pieces.push(piece)
    if (this.#held > this.#lineBytesMax) {
      const first = Buffer.concat(this.#pieces, Math.min(this.#held, truncatedBytes))
      this.#pieces = [first]
    }
  }

  #record(bytes: number, endBytes: number): LineRecord {
    const length = bytes > 0 && this.#lastByte === carriageReturn ? bytes - 1 : bytes
    const whole = bytes <= this.#lineBytesMax
    const value = whole ? Buffer.concat(this.#pieces, length) : this.#pieces[0]!
    const headers: Headers = whole
      ? noHeaders
      : [
          ['riacho.truncated', Buffer.from(String(length))],
          ['riacho.line-offset', Buffer.from(String(this.lineStart))],
        ]
    this.lineStart += bytes + endBytes
    this.forget()
    return new LineRecord(value, this.#readAt, headers, ++this.#line, this.#head, this.lineStart)
  }
}
