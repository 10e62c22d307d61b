import { renameSync, rmSync, statSync } from 'node:fs'
import { BrokerError, crc32c } from '@riacho/streams/engine'
import { GrowingFile } from './file.ts'
import type { Journal, JournalEntry } from './journal.ts'

const entryHeader = 8

/** A journal in a file: entries of length, CRC-32C and JSON. A torn last one does not count. */
export class FileJournal implements Journal {
  readonly #path: string
  readonly #readOnly: boolean
  readonly #bytesMax: number
  readonly #snapshot: () => readonly JournalEntry[]
  #file: GrowingFile
  #inode = 0
  #size = 0

  /** `snapshot` gives the entries that stand for all earlier ones. `bytesMax`: size at which the journal is replaced by it. */
  constructor(path: string, readOnly: boolean, bytesMax: number, snapshot: () => readonly JournalEntry[]) {
    this.#path = path
    this.#readOnly = readOnly
    this.#bytesMax = bytesMax
    this.#snapshot = snapshot
    this.#file = new GrowingFile(path, readOnly)
  }

  append(entry: JournalEntry): void {
    const bytes = encode(entry)
    this.#file.write(bytes, this.#size)
    this.#size += bytes.length
  }

  tidy(): void {
    if (this.#size > this.#bytesMax) this.replace()
  }

  /** Puts the snapshot in the journal's place. When there is no room for it, the journal stays as it is. */
  replace(): void {
    const bytes = Buffer.concat(this.#snapshot().map(encode))
    const path = `${this.#path}.new`
    rmSync(path, { force: true })
    const file = new GrowingFile(path, false)
    try {
      file.write(bytes, 0)
      renameSync(path, this.#path)
    } catch (thrown) {
      file.close()
      rmSync(path, { force: true })
      if (thrown instanceof BrokerError) return
      throw thrown
    }
    file.close()
    this.#file.close()
    this.#file = new GrowingFile(this.#path, false)
    this.#size = bytes.length
  }

  /** Entries since the last call, or all when the journal was replaced meanwhile. */
  read(): readonly JournalEntry[] {
    const found = statSync(this.#path, { throwIfNoEntry: false })
    if (found === undefined) return []
    if (found.ino !== this.#inode || found.size < this.#size) {
      this.#file.close()
      this.#file = new GrowingFile(this.#path, this.#readOnly)
      this.#inode = found.ino
      this.#size = 0
    }
    const length = this.#file.length()
    const bytes = Buffer.allocUnsafeSlow(length - this.#size)
    this.#file.read(bytes, bytes.length, this.#size)
    const entries: JournalEntry[] = []
    let at = 0
    for (let end = entryEnd(bytes, at); end > 0; end = entryEnd(bytes, at)) {
      entries.push(JSON.parse(bytes.utf8Slice(at + entryHeader, end)) as JournalEntry)
      at = end
    }
    this.#size += at
    if (!this.#readOnly && this.#size < length) this.#file.truncate(this.#size)
    return entries
  }

  close(): void {
    this.#file.close()
  }
}

function encode(entry: JournalEntry): Buffer {
  const json = Buffer.from(JSON.stringify(entry))
  const bytes = Buffer.allocUnsafe(entryHeader + json.length)
  bytes.writeUInt32BE(json.length, 0)
  bytes.writeUInt32BE(crc32c(json), 4)
  bytes.set(json, entryHeader)
  return bytes
}

/** Where the entry at `at` ends; 0 when it is not whole. */
function entryEnd(bytes: Buffer, at: number): number {
  if (at + entryHeader > bytes.length) return 0
  const end = at + entryHeader + bytes.readUInt32BE(at)
  if (end > bytes.length) return 0
  return crc32c(bytes, at + entryHeader, end) === bytes.readUInt32BE(at + 4) ? end : 0
}
