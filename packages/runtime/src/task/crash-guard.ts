/** What to do with a record that kills the process again and again. */
export interface CrashLoopOptions {
  /** Starts without a commit after which the application takes records one by one; one more, and the first record is put aside. */
  readonly startsMax: number
  /** 'fail' stops with `RIACHO_CRASH_LOOP`, which names the record; a dead letter topic takes it and goes on. */
  readonly onError: 'fail' | { readonly deadLetter: string }
  /** Records that are taken one by one before a careful start trusts the input again. Default 10,000. */
  readonly carefulRecordsMax?: number
}

/** The name under which commit metadata counts starts; no operator can have it. */
export const startsMark = '~starts'

/**
 * Watches over one task's starts. Each start is counted in the committed metadata before the first record is taken, and forgotten by the first commit that follows a
 * record, or by a clean stop. So a count that grows means that the process dies before it commits. From `startsMax` on records are committed one by one; when the
 * process dies in that mode too, the record at the committed offset is the one that kills it.
 */
export class CrashGuard {
  readonly options: CrashLoopOptions
  /** Starts in a row that came to no commit, this one included. */
  readonly starts: number
  /** The start has been counted. */
  counted = false
  /** The first record is to be put aside. */
  suspects: boolean
  #carefulLeft: number

  constructor(options: CrashLoopOptions, before: number) {
    this.options = options
    this.starts = before + 1
    this.suspects = before > options.startsMax
    this.#carefulLeft = before >= options.startsMax ? (options.carefulRecordsMax ?? 10_000) : 0
  }

  /** Records are taken and committed one by one. */
  get careful(): boolean {
    return this.#carefulLeft > 0
  }

  /** A record was taken. */
  took(): void {
    if (this.#carefulLeft > 0) this.#carefulLeft--
  }
}
