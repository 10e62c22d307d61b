import { RiachoError, reasonOf } from '@riacho/streams/engine'

/** Every code of this package, with what it means. The message of an error says what to do. */
export const codes = {
  RIACHO_FILE_OPTION: 'an option outside its limits',
  RIACHO_FILE_MISSING: 'the file is not there',
  RIACHO_FILE_NOT_A_FILE: 'the path is a directory, a pipe or a device',
  RIACHO_FILE_UNREADABLE: 'the system refuses to open or read the file',
  RIACHO_FILE_POSITION: 'a stored position that this connector did not write',
} as const

/** An option outside its limits. */
export const optionError = (message: string): RiachoError => new RiachoError('RIACHO_FILE_OPTION', message)

/** The file is not there and `wait` was not asked for. */
export const missing = (path: string, cause: unknown): RiachoError =>
  new RiachoError(
    'RIACHO_FILE_MISSING',
    `${path} does not exist: create it, correct the path, or set wait: true to begin when it appears`,
    {
      cause,
    },
  )

/** The path leads to something that cannot be tailed. */
export const notAFile = (path: string): RiachoError =>
  new RiachoError('RIACHO_FILE_NOT_A_FILE', `${path} is not a regular file: give the path of a text file`)

/** The system refused; reading is tried again with backoff. */
export const unreadable = (path: string, cause: unknown): RiachoError =>
  new RiachoError('RIACHO_FILE_UNREADABLE', `${path} cannot be read (${reasonOf(cause)}): check its permissions and its disk`, { cause })

/** The stored position was not written by this connector. */
export const foreignPosition = (path: string): RiachoError =>
  new RiachoError(
    'RIACHO_FILE_POSITION',
    `the position stored for ${path} was not written by the file source: give this source a name of its own, or remove the stored position`,
  )
