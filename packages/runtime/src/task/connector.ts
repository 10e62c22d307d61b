import { type Clock, reasonOf, type Source, type SourceReader } from '@riacho/streams/engine'
import type { AppEvent } from '../options.ts'
import type { Input } from './input.ts'

/** How long a system may think of what is left. */
const lagWaitMs = 1000

/** Reads one partition of a connector into an input: one read at a time, the next when the input has run empty. */
export class ConnectorReader {
  readonly input: Input
  /** The partition's name, the key of its position. */
  readonly partition: string
  readonly #reader: SourceReader
  readonly #abort = new AbortController()
  readonly #recordsMax: number
  readonly #clock: Clock
  readonly #log: (event: AppEvent) => void
  readonly #wake: () => void
  #reading: Promise<void> | undefined
  #asking: Promise<void> | undefined
  #lag: number | undefined
  #failures = 0
  /** The position that the last commit covers. */
  #committed: Uint8Array | undefined

  constructor(
    source: Source<unknown, unknown>,
    partition: string,
    from: Uint8Array | null,
    input: Input,
    with_: { recordsMax: number; clock: Clock; log: (event: AppEvent) => void; wake: () => void },
  ) {
    this.input = input
    this.partition = partition
    this.#reader = source.open(partition, from)
    this.#recordsMax = with_.recordsMax
    this.#clock = with_.clock
    this.#log = with_.log
    this.#wake = with_.wake
  }

  /** Starts a read when nothing waits. */
  fill(): void {
    if (this.#reading !== undefined || !this.input.empty || this.#abort.signal.aborted) return
    this.#reading = this.#read().finally(() => {
      this.#reading = undefined
    })
  }

  /** Whether there is nothing to read just now and nothing that waits. */
  async atEnd(): Promise<boolean> {
    return this.input.empty && (await this.#reader.lag()) === 0 && this.input.empty
  }

  /** What is left to read, or what was when the system last said so, if it does not now. */
  async lag(): Promise<number | undefined> {
    this.#asking ??= this.#reader
      .lag()
      .then(
        lag => {
          this.#lag = lag
        },
        () => {},
      )
      .finally(() => {
        this.#asking = undefined
      })
    const over = new AbortController()
    await Promise.race([this.#asking, this.#clock.sleep(lagWaitMs, over.signal)]).finally(() => over.abort())
    return this.#lag
  }

  /** Tells the system that a commit covers the position up to `mark`. */
  async committed(mark: Uint8Array | undefined): Promise<void> {
    if (mark === undefined || mark === this.#committed) return
    this.#committed = mark
    await this.#reader.commit(mark)
  }

  async close(): Promise<void> {
    this.#abort.abort()
    await this.#reading
    await this.#reader.close()
  }

  async #read(): Promise<void> {
    const { signal } = this.#abort
    try {
      const records = await this.#reader.read(this.#recordsMax, signal)
      if (signal.aborted) return
      this.input.addRecords(records)
      this.#failures = 0
      if (records.length > 0) this.#wake()
    } catch (error) {
      if (signal.aborted) return
      this.#failures++
      this.#log({
        level: 'warn',
        message: `reading ${this.input.name} failed, trying again: ${reasonOf(error)}`,
        source: this.input.name,
        failures: this.#failures,
      })
      await this.#clock.sleep(Math.min(10_000, 100 * 2 ** Math.min(this.#failures, 10)), signal)
    }
  }
}
