import { basename } from 'node:path'
import type { Serde } from '@riacho/streams'
import { optionError } from './errors.ts'

/** What happened to the file, other than lines being appended. */
export interface FileChange {
  /**
   * 'truncated': the file was cut or written anew, and is read again from its start. 'rotated': the path leads to a new file, which is read from its
   * start; the old one was read to its end. 'replaced': the file of the stored position is gone, and what it held after that position was not read.
   */
  readonly kind: 'truncated' | 'rotated' | 'replaced'
  readonly path: string
  /** Changes of this kind that this reader has seen, this one included. */
  readonly count: number
  readonly message: string
}

/** What `file` takes. */
export interface FileOptions<V, K = null> {
  /** The text file to tail. */
  readonly path: string
  /** Decodes a line, which comes without its line end. */
  readonly value: Serde<V>
  /** Keys are always null; this serde only gives the stream its key type. */
  readonly key?: Serde<K>
  /** Names positions and dead letters. Default: the file's name, other characters than `A-Za-z0-9._-` replaced by `-`. */
  readonly name?: string
  /** Begin when the file appears, instead of failing when it is missing. Default false. */
  readonly wait?: boolean
  /** Longest line given whole, in bytes. Longer ones are given as their first 64 KiB with headers that point at the line. Default 16 MiB, at most 64 MiB. */
  readonly lineBytesMax?: number
  /** Most bytes of one read from the file. Default 512 KiB. */
  readonly chunkBytesMax?: number
  /** Milliseconds between two looks at a file that had nothing new. Default 200. */
  readonly poll?: number
  /** Told of truncation and rotation. Default: all but 'rotated' are process warnings. */
  readonly onChange?: (change: FileChange) => void
}

/** Options with their defaults. */
export interface FileSettings {
  readonly path: string
  readonly name: string
  readonly wait: boolean
  readonly lineBytesMax: number
  readonly chunkBytesMax: number
  readonly poll: number
  readonly onChange: (change: FileChange) => void
}

/** Bytes that are kept of a line that is too long to be given whole. */
export const truncatedBytes = 64 * 1024

const warn = (change: FileChange): void => {
  if (change.kind !== 'rotated') process.emitWarning(change.message, { code: `RIACHO_FILE_${change.kind.toUpperCase()}` })
}

const within = (name: string, value: number, min: number, max: number): number => {
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw optionError(`${name} is ${value}: give a whole number from ${min} to ${max}`)
}

/** Checks the options and fills in defaults. Throws `RIACHO_FILE_OPTION`. */
export const settingsOf = (options: FileOptions<never, never>): FileSettings => {
  if (options.path === '') throw optionError('path is empty: give the path of a text file')
  const name = options.name ?? basename(options.path).replace(/[^A-Za-z0-9._-]/g, '-')
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw optionError(`name is "${name}": use letters, digits, '.', '_' and '-' only`)
  return {
    path: options.path,
    name,
    wait: options.wait ?? false,
    lineBytesMax: within('lineBytesMax', options.lineBytesMax ?? 16 * 1024 * 1024, 1, 64 * 1024 * 1024),
    chunkBytesMax: within('chunkBytesMax', options.chunkBytesMax ?? 512 * 1024, 1, 64 * 1024 * 1024),
    poll: within('poll', options.poll ?? 200, 1, 60_000),
    onChange: options.onChange ?? warn,
  }
}
