import type { Canonical } from './key.ts'
import { Versions, type VersionsUndo } from './versions.ts'

/** Steps of the retention in which histories are let go: what is over stays for so much of it longer. */
const steps = 8

/** The versions that are over, by key: kept for as long as somebody may ask for them, and put back to the last commit by an abort. */
export class Histories<V> {
  readonly #byKey = new Map<Canonical, Versions<V>>()
  readonly #done = new Done<V>()
  /** Keys by the step in which one of their versions ends, so that letting go looks at no others. */
  readonly #ending = new Map<number, Set<Canonical>>()
  readonly #step: number
  /** The first step that has not been let go. */
  #first = Number.NEGATIVE_INFINITY

  constructor(retention: number) {
    this.#step = Math.max(1, Math.ceil(retention / steps))
  }

  /** Writes since the last commit. */
  get uncommitted(): number {
    return this.#done.size
  }

  /** Keys that have one. */
  get size(): number {
    return this.#byKey.size
  }

  get(key: Canonical): Versions<V> | undefined {
    return this.#byKey.get(key)
  }

  /** Puts a version that is over. `undoable`: an abort takes it back. */
  put(key: Canonical, from: number, to: number, value: V | null, undoable: boolean): void {
    this.#of(key, to).put(from, to, value, undoable ? this.#done : undefined)
  }

  /** There is no row from this time on, as far as anybody knows. */
  endAt(key: Canonical, timestamp: number, undoable: boolean): void {
    this.#of(key, timestamp).endAt(timestamp, undoable ? this.#done : undefined)
  }

  /** Lets go of what ended before `limit`, about. Not between commits, because a rollback turns time back. */
  expire(limit: number): void {
    const first = Math.floor(limit / this.#step)
    if (first <= this.#first) return
    this.#first = first
    for (const [step, keys] of this.#ending) {
      if (step >= first) continue
      for (const key of keys) {
        const versions = this.#byKey.get(key)
        versions?.trim(limit)
        if (versions?.empty) this.#byKey.delete(key)
      }
      this.#ending.delete(step)
    }
  }

  committed(): void {
    this.#done.forget()
  }

  rollback(): void {
    this.#done.takeBack(versions => this.#byKey.delete(versions.key))
  }

  clear(): void {
    this.#byKey.clear()
    this.#done.forget()
    this.#ending.clear()
    this.#first = Number.NEGATIVE_INFINITY
  }

  /** The versions of a key, to be written: one more will end at `end`. */
  #of(key: Canonical, end: number): Versions<V> {
    const step = Math.floor(end / this.#step)
    const keys = this.#ending.get(step)
    if (keys === undefined) this.#ending.set(step, new Set([key]))
    else keys.add(key)
    const found = this.#byKey.get(key)
    if (found !== undefined) return found
    const versions = new Versions<V>(key)
    this.#byKey.set(key, versions)
    return versions
  }
}

/** What was done to versions since the last commit. The arrays, one a field, stay and are filled again. */
class Done<V> implements VersionsUndo<V> {
  size = 0
  readonly #versions: (Versions<V> | undefined)[] = []
  /** Where something was inserted; below 0, -1 - where it was replaced. */
  readonly #at: number[] = []
  readonly #before: (V | null | undefined)[] = []

  inserted(versions: Versions<V>, at: number): void {
    this.#remember(versions, at, undefined)
  }

  replaced(versions: Versions<V>, at: number, before: V | null | undefined): void {
    this.#remember(versions, -1 - at, before)
  }

  /** Undoes all, the last first; `emptied` is told of versions that were not there before. */
  takeBack(emptied: (versions: Versions<V>) => void): void {
    for (let i = this.size - 1; i >= 0; i--) {
      const versions = this.#versions[i]!
      const at = this.#at[i]!
      if (at < 0) versions.replace(-1 - at, this.#before[i])
      else versions.remove(at)
      if (versions.empty) emptied(versions)
    }
    this.forget()
  }

  forget(): void {
    this.#versions.fill(undefined, 0, this.size)
    this.#before.fill(undefined, 0, this.size)
    this.size = 0
  }

  #remember(versions: Versions<V>, at: number, before: V | null | undefined): void {
    const i = this.size++
    this.#versions[i] = versions
    this.#at[i] = at
    this.#before[i] = before
  }
}
