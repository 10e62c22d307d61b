/** What a suite needs of a test runner; vitest's functions fit. They are passed in, so that this package depends on no runner. */
export interface TestFunctions {
  readonly describe: (name: string, body: () => void) => unknown
  readonly it: It
  readonly expect: (actual: unknown) => Expectation
}

/** Declares a test. */
export interface It {
  (name: string, body: () => Promise<void>): unknown
  readonly skip: (name: string, body: () => Promise<void>) => unknown
}

/** What the suites ask of an actual value. */
export interface Expectation {
  toBe(expected: unknown): unknown
  toEqual(expected: unknown): unknown
}

/** A test of a suite that does not apply to an implementation, and why. */
export interface Skip {
  readonly test: string
  readonly reason: string
}

/** Declares the tests by name. A skipped one shows its reason; a skip that names no test is an error, so that the list cannot grow stale. */
export const testsOf = (it: It, skip: readonly Skip[], tests: Readonly<Record<string, () => Promise<void>>>): void => {
  for (const { test } of skip) if (!Object.hasOwn(tests, test)) throw new Error(`skip names no test of this suite: ${test}`)
  for (const [name, body] of Object.entries(tests)) {
    const skipped = skip.find(({ test }) => test === name)
    if (skipped === undefined) it(name, body)
    else it.skip(`${name} (${skipped.reason})`, body)
  }
}
