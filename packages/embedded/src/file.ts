import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { BrokerError } from '@riacho/streams/engine'
import { writeFailed } from './errors.ts'

/** Only the owner may read what the broker keeps. */
export const fileMode = 0o600
/** Only the owner may look into its directories. */
export const directoryMode = 0o700

/** A file that grows by whole pieces. Opened at its first use. */
export class GrowingFile {
  readonly path: string
  readonly #readOnly: boolean
  #fd: number | undefined

  constructor(path: string, readOnly: boolean) {
    this.path = path
    this.#readOnly = readOnly
  }

  /** Bytes on disk. */
  length(): number {
    return fstatSync(this.#open()).size
  }

  /** Writes all of `bytes` at `position`, or nothing: what a failed write left is cut off. */
  write(bytes: Uint8Array, position: number): void {
    const fd = this.#open()
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, position + done)
    } catch (thrown) {
      ftruncateSync(fd, position)
      throw writeFailed(this.path, thrown)
    }
  }

  /** Fills `frame` with up to `bytes` bytes from `position`; gives how many there were. */
  read(frame: Uint8Array, bytes: number, position: number): number {
    const fd = this.#open()
    let done = 0
    while (done < bytes) {
      const more = readSync(fd, frame, done, bytes - done, position + done)
      if (more === 0) break
      done += more
    }
    return done
  }

  truncate(length: number): void {
    ftruncateSync(this.#open(), length)
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  #open(): number {
    if (this.#fd !== undefined) return this.#fd
    try {
      // O_RDWR | O_CREAT: unlike 'a+', it allows writing at a position; unlike 'w+', it keeps what is there.
      this.#fd = openSync(this.path, this.#readOnly ? 'r' : 0o102, fileMode)
    } catch (thrown) {
      if (this.#readOnly) throw new BrokerError('IO_ERROR', `Cannot open ${this.path}. Check the data directory.`, { cause: thrown })
      throw writeFailed(this.path, thrown)
    }
    return this.#fd
  }
}
