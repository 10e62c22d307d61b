import { RiachoError, reasonOf } from '@riacho/streams/engine'

/** Every code of this package, with what it means. The message of an error says what to do. */
export const codes = {
  RIACHO_STORE_DISK_FULL: 'a disk without room for the rows of a store',
  RIACHO_STORE_FAILED: 'a file of a store that cannot be opened, read or written',
  RIACHO_STORE_FULL: 'a store with more bytes than it may have',
  RIACHO_STORE_KEY: 'a key with more bytes than a store on disk takes',
  RIACHO_STORE_LOCKED: 'a directory of stores that somebody else uses',
} as const

/** An error of this package. */
export const failure = (code: keyof typeof codes, message: string, cause?: unknown): RiachoError =>
  new RiachoError(code, message, { cause })

/** As the system and LMDB, which gives their numbers, name a disk that takes no more. */
const fullDisk: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EFBIG', 28, 122, 27]

/** What a thrown error of a store's file means for its user. */
export function fileFailure(path: string, doing: string, thrown: unknown): RiachoError {
  if (thrown instanceof RiachoError) return thrown
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  if (fullDisk.includes(code)) return diskFull(path, String(code), thrown)
  return failure('RIACHO_STORE_FAILED', `${doing} ${path} failed: ${reasonOf(thrown)}: look at the directory and its disk`, thrown)
}

/** The error of a file that cannot grow. */
export function diskFull(path: string, why: string, cause?: unknown): RiachoError {
  const advice = 'free some space, or give the stores a directory on a larger disk; the changelog has everything'
  return failure('RIACHO_STORE_DISK_FULL', `${path} cannot grow, the disk is full (${why}): ${advice}`, cause)
}
