import { mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileFailure } from './errors.ts'
import { OrderedFile } from './file.ts'
import { lockFile } from './lock.ts'

/** The names of our files. */
const ours = /\.mdb(-lock)?$/

/** The folder with an application's stores. While one is open it is locked; each store has a file of its own, so that no two ever meet. */
export class StoreFolder {
  readonly #path: string
  #unlock: (() => void) | undefined
  #opened = 0
  /** Files that are open now. */
  #open = 0

  constructor(path: string) {
    this.#path = path
  }

  /** A new file for a store of a task. */
  open(task: string, store: string, bytesMax: number): OrderedFile {
    const folder = join(this.#path, task)
    try {
      if (this.#unlock === undefined) {
        mkdirSync(this.#path, { recursive: true, mode: 0o700 })
        this.#unlock = lockFile(join(this.#path, 'lock'))
        this.#sweep()
      }
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const file = new OrderedFile(join(folder, `${store}-${++this.#opened}.mdb`), bytesMax, () => this.#closed(folder))
      this.#open++
      return file
    } catch (thrown) {
      this.#leave()
      throw fileFailure(folder, 'opening', thrown)
    }
  }

  #closed(folder: string): void {
    removeEmpty(folder)
    this.#open--
    this.#leave()
  }

  #leave(): void {
    if (this.#open > 0) return
    this.#unlock?.()
    this.#unlock = undefined
  }

  /** Removes what a process left that was killed. */
  #sweep(): void {
    for (const task of readdirSync(this.#path, { withFileTypes: true })) {
      if (!task.isDirectory()) continue
      const folder = join(this.#path, task.name)
      for (const file of readdirSync(folder)) if (ours.test(file)) rmSync(join(folder, file))
      removeEmpty(folder)
    }
  }
}

/** A folder in which something else lies stays. */
function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {}
}
