import { DatabaseSync } from 'node:sqlite'
import { failure } from './errors.ts'

/** What SQLite says when another has the lock. */
const busy = 5

/**
 * Takes a lock of the system on a file; gives the function that gives it back. It ends with the process, however that ends. SQLite brings what Node does not have: a lock
 * that holds between processes and within one. Throws `RIACHO_STORE_LOCKED`, `RIACHO_STORE_FAILED`.
 */
export function lockFile(path: string): () => void {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path)
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (thrown) {
    database?.close()
    if (thrown instanceof Error && 'errcode' in thrown && thrown.errcode === busy) {
      const advice = 'stop the application that has it, or give each one a directory of its own'
      throw failure('RIACHO_STORE_LOCKED', `the stores of ${path} are in use: ${advice}`, thrown)
    }
    throw failure('RIACHO_STORE_FAILED', `${path} cannot be locked: look at the directory and its permissions`, thrown)
  }
  const held = database
  return () => held.close()
}
