export { FakeClock } from './fake-clock.ts'
export { recorded, type SentRecord } from './recorded.ts'
export { type InputRecord, type TestDriver, type TestDriverOptions, testDriver } from './test-driver.ts'
