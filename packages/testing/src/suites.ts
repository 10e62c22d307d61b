export { type BrokerSuiteOptions, brokerSuite } from './suites/broker.ts'
export { type Held, type SinkFixture, type SinkSuiteOptions, sinkSuite } from './suites/sink.ts'
export { type SourceFixture, type SourceSuiteOptions, sourceSuite } from './suites/source.ts'
export type { Expectation, It, Skip, TestFunctions } from './suites/tests.ts'
