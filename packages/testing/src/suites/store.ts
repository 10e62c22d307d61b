import type { StoreSuppliers } from '@riacho/streams/engine'
import type { StoreTest } from './store-fixture.ts'
import { keyValueTests } from './store-key-value.ts'
import { sessionTests } from './store-session.ts'
import { windowTests } from './store-window.ts'
import { type Skip, type TestFunctions, testsOf } from './tests.ts'

/** What {@link storeSuite} takes. */
export interface StoreSuiteOptions {
  readonly name: string
  /** Makes suppliers as a process does that starts, again and again; those before have closed their stores. Undefined: stores in memory. */
  readonly open: () => StoreSuppliers | undefined
  /** Tests that do not apply, each with its reason. */
  readonly skip?: readonly Skip[]
}

/** The contract of key-value, window and session stores as tests: those in memory and all suppliers run them. */
export const storeSuite = ({ name, open, skip = [] }: StoreSuiteOptions, { describe, it, expect }: TestFunctions): void => {
  const tests: Readonly<Record<string, (test: StoreTest) => void>> = { ...keyValueTests, ...windowTests, ...sessionTests }
  const bodies = Object.entries(tests).map(([title, test]) => [title, async () => test({ open, expect })] as const)
  describe(`Store contract: ${name}`, () => testsOf(it, skip, Object.fromEntries(bodies)))
}
