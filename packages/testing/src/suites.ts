export { type SourceFixture, type SourceSuiteOptions, sourceSuite } from './suites/source.ts'
export type { Expectation, It, Skip, TestFunctions } from './suites/tests.ts'
