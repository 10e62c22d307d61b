import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { BrokerError } from '@riacho/streams/engine'
import { writeFailed } from './errors.ts'
import { directoryMode, GrowingFile } from './file.ts'
import type { Frames, Slice } from './frames.ts'
import type { Segment, SegmentStore } from './segment.ts'

/** Segments of one partition as files of one directory, named after their first offset. */
export class FileSegments implements SegmentStore {
  readonly checked = true
  readonly directory: string
  readonly bytesMax: number
  readonly readOnly: boolean
  readonly #frames: Frames

  constructor(directory: string, bytesMax: number, readOnly: boolean, frames: Frames) {
    this.directory = directory
    this.bytesMax = bytesMax
    this.readOnly = readOnly
    this.#frames = frames
  }

  create(baseOffset: number): FileSegment {
    try {
      mkdirSync(this.directory, { recursive: true, mode: directoryMode })
    } catch (thrown) {
      throw writeFailed(this.directory, thrown)
    }
    return this.open(baseOffset)
  }

  /** The segment that is there already; its size is known once it is scanned. */
  open(baseOffset: number): FileSegment {
    return new FileSegment(baseOffset, this.pathOf(baseOffset), this, this.#frames)
  }

  pathOf(baseOffset: number): string {
    return join(this.directory, `${String(baseOffset).padStart(20, '0')}.log`)
  }

  /** First offsets of the segments that are there, in order. */
  list(): readonly number[] {
    try {
      const names = readdirSync(this.directory).filter(name => /^\d{20}\.log$/.test(name))
      return names.map(name => Number(name.slice(0, 20))).sort((a, b) => a - b)
    } catch {
      return [] // The topic is known, and nothing was written to this partition yet.
    }
  }
}

/** A segment in a file. */
export class FileSegment implements Segment {
  readonly baseOffset: number
  readonly file: GrowingFile
  size = 0
  readonly #store: FileSegments
  readonly #frames: Frames

  constructor(baseOffset: number, path: string, store: FileSegments, frames: Frames) {
    this.baseOffset = baseOffset
    this.file = new GrowingFile(path, store.readOnly)
    this.#store = store
    this.#frames = frames
  }

  hasRoom(bytes: number): boolean {
    return this.size === 0 || this.size + bytes <= this.#store.bytesMax
  }

  append(batch: Buffer): void {
    this.file.write(batch, this.size)
    this.size += batch.length
  }

  read(position: number, bytes: number): Slice {
    return this.#frames.read(bytes, frame => {
      const read = this.file.read(frame, bytes, position)
      if (read < bytes)
        throw new BrokerError(
          'LOG_CORRUPT',
          `${this.file.path} ends at byte ${position + read}, before its last batch. Somebody else has cut it.`,
        )
    })
  }

  close(): void {
    this.file.close()
  }

  remove(): void {
    this.file.close()
    if (!this.#store.readOnly) rmSync(this.file.path, { force: true })
  }
}
