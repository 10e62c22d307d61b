import { type Serde, text } from '@riacho/streams'
import type { Store, StoreSpec, StoreSuppliers, StoreTask } from '@riacho/streams/engine'
import type { TestFunctions } from './tests.ts'

/** One write as the changelog gets it. */
export interface Logged {
  readonly key: Buffer
  readonly value: Buffer | null
  readonly timestamp: number
}

/** What one test of a store uses. */
export interface StoreTest {
  /** Makes what stores are made by, as a process does that starts; undefined: they are in memory. */
  readonly open: () => StoreSuppliers | undefined
  readonly expect: TestFunctions['expect']
}

/** Copies: stores use their buffers again. */
const copied = (written: string | Uint8Array): Buffer =>
  typeof written === 'string' ? Buffer.from(written) : Buffer.from(Uint8Array.from(written))

/** A store with its changelog, and a list of what was done to it. */
export class StoreFixture<S extends Store, Done> {
  store: S
  /** What was done and is logged; a rollback takes back what came after the last commit. */
  readonly done: Done[] = []
  readonly logged: Logged[] = []
  drops = 0
  readonly #spec: StoreSpec<S>
  readonly #open: StoreTest['open']
  #committed = { done: 0, logged: 0 }

  constructor(spec: StoreSpec<S>, open: StoreTest['open']) {
    this.#spec = spec
    this.#open = open
    this.store = this.#made()
  }

  commit(): void {
    this.store.committed()
    this.#committed = { done: this.done.length, logged: this.logged.length }
  }

  rollback(): void {
    this.store.rollback()
    this.#goBack()
  }

  /** The process ends; another one fills the store from the changelog, as far as it is committed. */
  restart(): void {
    this.store.close?.()
    this.#goBack()
    this.store = this.#made()
    for (const { key, value, timestamp } of this.logged) this.store.restore(key, value, timestamp, [])
    this.store.committed()
  }

  close(): void {
    this.store.close?.()
  }

  #goBack(): void {
    this.done.length = this.#committed.done
    this.logged.length = this.#committed.logged
  }

  #made(): S {
    const suppliers = this.#open()
    const task: StoreTask = {
      log: (key, value, timestamp) => {
        this.logged.push({ key: copied(key), value: value === null ? null : copied(value), timestamp })
      },
      drop: () => {
        this.drops++
      },
      supply: <T extends Store>(spec: StoreSpec<T>, own: StoreTask) =>
        suppliers?.create(spec, own, { application: 'suite', task: '0_0' }) as T | undefined,
    }
    return this.#spec.create(task)
  }
}

/** Keys whose orders by UTF-16 units, by bytes and by length differ, with zeros inside and at the end. */
export const keys: readonly string[] = ['', '\0', 'a', 'a\0', 'a\0b', 'a\u{1}', 'aa', 'b', '\u{1f600}', '\uffee', 'é', 'z'.repeat(200)]

/** Serdes of text: with all fast paths, and with none. */
export const serdes: Readonly<Record<string, Serde<string>>> = {
  'serdes with fast paths': text,
  'plain serdes': { encode: value => Buffer.from(value), decode: bytes => Buffer.from(bytes).toString() },
}

/** Unsigned byte order of the serialized keys. */
export const byKey = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** Those that the process ends with, and what a commit decides. */
export type Turn = 'commit' | 'rollback' | 'restart'

/** Where in a walk a write happens. */
export interface WriteMeanwhile {
  /** Rows after which it happens. */
  readonly after: number
  readonly write: () => void
}

/** Walks rows, and writes meanwhile. */
export function walked<T>(rows: Iterable<T>, writes: readonly WriteMeanwhile[]): T[] {
  const seen: T[] = []
  const due = (): void => {
    for (const { after, write } of writes) if (after === seen.length) write()
  }
  due()
  for (const row of rows) {
    seen.push(row)
    due()
  }
  return seen
}
