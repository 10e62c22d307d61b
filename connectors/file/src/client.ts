import type { BigIntStats } from 'node:fs'
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { foreignPosition, notAFile, unreadable } from './errors.ts'

/** Bytes at the start of a file by which it is known again: an inode number is used again as soon as its file is gone. */
const headBytesMax = 1024
const positionBytes = 27
const version = 1
const newline = 10

/** A place in one file: after `line` lines, which end at byte `offset`. */
export interface Position {
  readonly inode: bigint
  readonly headBytes: number
  readonly headCrc: number
  readonly offset: number
  readonly line: number
}

/** Takes stored bytes apart. Throws `RIACHO_FILE_POSITION`. */
export const decodePosition = (bytes: Uint8Array, path: string): Position => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.length !== positionBytes || buffer[0] !== version) throw foreignPosition(path)
  return {
    inode: buffer.readBigUInt64LE(1),
    headBytes: buffer.readUInt16LE(9),
    headCrc: buffer.readUInt32LE(11),
    offset: buffer.readUIntLE(15, 6),
    line: buffer.readUIntLE(21, 6),
  }
}

/** Inode and first bytes of a file, as far as it was read. The device is left out: its number changes when a machine starts again. */
export class FileHead {
  readonly inode: bigint
  #bytes: Buffer = Buffer.alloc(0)

  constructor(inode: bigint) {
    this.inode = inode
  }

  /** Takes what was read at `offset`; reading is sequential. */
  extend(chunk: Buffer, offset: number): void {
    if (this.#bytes.length === headBytesMax || offset !== this.#bytes.length) return
    this.#bytes = Buffer.concat([this.#bytes, chunk.subarray(0, headBytesMax - offset)])
  }

  /** The stored form of the place after `line` lines that end at byte `offset`. */
  position(offset: number, line: number): Uint8Array {
    const headBytes = Math.min(this.#bytes.length, offset)
    const buffer = Buffer.allocUnsafe(positionBytes)
    buffer[0] = version
    buffer.writeBigUInt64LE(this.inode, 1)
    buffer.writeUInt16LE(headBytes, 9)
    buffer.writeUInt32LE(crc32(this.#bytes.subarray(0, headBytes)), 11)
    buffer.writeUIntLE(offset, 15, 6)
    buffer.writeUIntLE(line, 21, 6)
    return buffer
  }

  /** Forgets what was read behind `offset`. */
  shorten(offset: number): void {
    this.#bytes = this.#bytes.subarray(0, offset)
  }

  /** How the file's beginning differs from what was read: not, only behind `lineStart`, or before it. */
  async compare(handle: FileHandle, lineStart: number): Promise<'same' | 'torn' | 'truncated'> {
    const now = await readAt(handle, 0, this.#bytes.length)
    if (this.#bytes.equals(now)) return 'same'
    return this.#bytes.subarray(0, lineStart).equals(now.subarray(0, lineStart)) ? 'torn' : 'truncated'
  }
}

const readAt = async (handle: FileHandle, offset: number, length: number): Promise<Buffer> => {
  const buffer = Buffer.allocUnsafeSlow(length)
  const { bytesRead } = await handle.read(buffer, 0, length, offset)
  return buffer.subarray(0, bytesRead)
}

/** Stat of a path, or null when nothing is there. Rejects with `RIACHO_FILE_UNREADABLE`. */
export const statOf = async (path: string): Promise<BigIntStats | null> => {
  try {
    return await stat(path, { bigint: true })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw unreadable(path, cause)
  }
}

/** One open file that is read from front to back. Keeps the file even when its path is renamed or removed. */
export class TailedFile {
  readonly path: string
  readonly device: bigint
  readonly inode: bigint
  /** Where the next chunk is read. */
  offset = 0
  head: FileHead
  readonly #handle: FileHandle
  #seen = ''

  private constructor(path: string, handle: FileHandle, facts: BigIntStats) {
    this.path = path
    this.#handle = handle
    this.device = facts.dev
    this.inode = facts.ino
    this.head = new FileHead(facts.ino)
  }

  /** Null when nothing is there. Rejects with `RIACHO_FILE_NOT_A_FILE` or `RIACHO_FILE_UNREADABLE`. */
  static async open(path: string): Promise<TailedFile | null> {
    const before = await statOf(path)
    if (before === null) return null
    // Opening a pipe would wait for its writer, so its kind is asked first.
    if (!before.isFile()) throw notAFile(path)
    try {
      const handle = await open(path, 'r')
      return new TailedFile(path, handle, await handle.stat({ bigint: true }))
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw unreadable(path, cause)
    }
  }

  /** Goes to `to` if this is the file of that position and still holds what was read of it. Closes the file when it rejects. */
  async resume(to: Position): Promise<boolean> {
    try {
      return await this.#resume(to)
    } catch (cause) {
      await this.close()
      throw unreadable(this.path, cause)
    }
  }

  async #resume(to: Position): Promise<boolean> {
    const size = await this.size()
    if (this.inode !== to.inode || size < to.offset) return false
    const head = await readAt(this.#handle, 0, to.headBytes)
    if (head.length !== to.headBytes || crc32(head) !== to.headCrc) return false
    // Every position lies behind a line end, except the one behind the last line of a file that was left.
    if (to.offset > 0 && to.offset < size && (await readAt(this.#handle, to.offset - 1, 1))[0] !== newline) return false
    this.head.extend(head, 0)
    this.offset = to.offset
    return true
  }

  /**
   * The next bytes; 'end' when there are none just now; 'truncated' when the file no longer begins as it did or is shorter than `lineStart`, the end
   * of the last whole line; 'torn' when only what is behind `lineStart` is not what was read.
   */
  async next(lineStart: number, bytesMax: number): Promise<Buffer | 'end' | 'truncated' | 'torn'> {
    try {
      const room = Math.min(bytesMax, (await this.size()) - this.offset)
      const chunk = await readAt(this.#handle, this.offset, Math.max(0, room))
      // Looked at after reading: a chunk is only given out if the file was still the same when it was read.
      const state = await this.#state(lineStart)
      if (state !== 'same') return state
      if (chunk.length === 0) return 'end'
      this.head.extend(chunk, this.offset)
      this.offset += chunk.length
      return chunk
    } catch (cause) {
      throw unreadable(this.path, cause)
    }
  }

  async #state(lineStart: number): Promise<'same' | 'torn' | 'truncated'> {
    const facts = await this.#handle.stat({ bigint: true })
    if (facts.size < lineStart) return 'truncated'
    const seen = `${facts.mtimeNs} ${facts.ctimeNs} ${facts.size}`
    const state = seen === this.#seen ? 'same' : await this.head.compare(this.#handle, lineStart)
    this.#seen = seen
    return state === 'same' && facts.size < this.offset ? 'torn' : state
  }

  /** Goes back to the end of the last whole line. */
  back(lineStart: number): void {
    this.offset = lineStart
    this.head.shorten(lineStart)
  }

  /** Begins at the start, as if the file were new. */
  rewind(): void {
    this.offset = 0
    this.head = new FileHead(this.inode)
  }

  /** Bytes of the file now. */
  async size(): Promise<number> {
    return Number((await this.#handle.stat({ bigint: true })).size)
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

/** Finds the file of a position under a new name, as log rotation gives it: same folder, and the old name as the beginning of the new one. */
export const openRenamed = async (path: string, position: Position): Promise<TailedFile | null> => {
  const folder = dirname(path)
  const names = await readdir(folder).catch(() => [] as string[])
  for (const name of names) {
    if (!name.startsWith(basename(path)) || name === basename(path)) continue
    const facts = await statOf(join(folder, name))
    if (facts?.ino !== position.inode || !facts.isFile()) continue
    const renamed = await TailedFile.open(join(folder, name))
    if (renamed !== null && (await renamed.resume(position))) return renamed
    await renamed?.close()
  }
  return null
}
