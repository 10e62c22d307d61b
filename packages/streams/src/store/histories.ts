import type { Canonical } from './key.ts'
import { Versions } from './versions.ts'

/** Steps of the retention in which histories are let go: what is over stays for so much of it longer. */
const steps = 8

/** The versions that are over, by key: kept for as long as somebody may ask for them, and put back to the last commit by an abort. */
export class Histories<V> {
  readonly #byKey = new Map<Canonical, Versions<V>>()
  /** What the keys that were written since the last commit had before. */
  readonly #before = new Map<Canonical, Versions<V> | undefined>()
  /** Keys by the step in which one of their versions ends, so that letting go looks at no others. */
  readonly #ending = new Map<number, Set<Canonical>>()
  readonly #step: number
  /** The first step that has not been let go. */
  #first = Number.NEGATIVE_INFINITY

  constructor(retention: number) {
    this.#step = Math.max(1, Math.ceil(retention / steps))
  }

  /** Keys written since the last commit. */
  get uncommitted(): number {
    return this.#before.size
  }

  /** Keys that have one. */
  get size(): number {
    return this.#byKey.size
  }

  get(key: Canonical): Versions<V> | undefined {
    return this.#byKey.get(key)
  }

  /** The versions of a key, to be written: one more will end at `end`. */
  write(key: Canonical, end: number): Versions<V> {
    const found = this.#byKey.get(key)
    this.#remind(key, end)
    if (found !== undefined && this.#before.has(key)) return found
    this.#before.set(key, found)
    const own = new Versions(found)
    this.#byKey.set(key, own)
    return own
  }

  /** As {@link write}, for what is part of a commit already. */
  restore(key: Canonical, end: number): Versions<V> {
    const found = this.#byKey.get(key)
    this.#remind(key, end)
    if (found !== undefined) return found
    const own = new Versions<V>()
    this.#byKey.set(key, own)
    return own
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
        if (versions?.size === 0) this.#byKey.delete(key)
      }
      this.#ending.delete(step)
    }
  }

  committed(): void {
    this.#before.clear()
  }

  rollback(): void {
    for (const [key, versions] of this.#before) {
      if (versions === undefined) this.#byKey.delete(key)
      else this.#byKey.set(key, versions)
    }
    this.#before.clear()
  }

  clear(): void {
    this.#byKey.clear()
    this.#before.clear()
    this.#ending.clear()
    this.#first = Number.NEGATIVE_INFINITY
  }

  #remind(key: Canonical, end: number): void {
    const step = Math.floor(end / this.#step)
    const keys = this.#ending.get(step)
    if (keys === undefined) this.#ending.set(step, new Set([key]))
    else keys.add(key)
  }
}
