import type { Mutant } from './mutant.ts'

/** Bugs of the verbs of RxJS. */
export const verbs: readonly Mutant[] = [
  {
    name: 'an older record replaces the one that waits for quiet',
    file: 'packages/streams/src/operator/debounce-time.ts',
    find: 'waiting.timestamp > timestamp',
    replace: 'waiting.timestamp < timestamp',
    test: 'test/simulation/verbs.test.ts',
  },
  {
    name: 'a record long before the first counts as its repetition',
    file: 'packages/streams/src/operator/distinct.ts',
    find: 'Math.abs(timestamp - seen.timestamp) <= within',
    replace: 'timestamp - seen.timestamp <= within',
    test: 'test/simulation/verbs.test.ts',
  },
  {
    name: 'a throttle is one millisecond too long',
    file: 'packages/streams/src/operator/throttle-time.ts',
    find: 'timestamp < last.timestamp + duration',
    replace: 'timestamp <= last.timestamp + duration',
    test: 'test/simulation/verbs.test.ts',
  },
  {
    name: 'a list of a time begins at the time of its first value',
    file: 'packages/streams/src/operator/buffer-time.ts',
    find: 'open?.timestamp ?? clock.time)',
    replace: 'open?.timestamp ?? timestamp)',
    test: 'test/simulation/verbs.test.ts',
  },
  {
    name: 'a list begins anew without the value that did not fit',
    file: 'packages/streams/src/operator/buffer-count.ts',
    find: 'if (buffer.length < size)',
    replace: 'if (buffer.length <= size)',
    test: 'test/simulation/verbs.test.ts',
  },
  {
    name: 'a pair begins with the first value of all',
    file: 'packages/streams/src/operator/pairwise.ts',
    find: '        store.put(key, value, timestamp)\n',
    replace: '        if (before === undefined) store.put(key, value, timestamp)\n',
    test: 'test/simulation/verbs.test.ts',
  },
  {
    name: 'what is accumulated outlives a null',
    file: 'packages/streams/src/operator/scan.ts',
    find: 'store.put(record.key, sum ?? null, record.timestamp)',
    replace: 'if (sum != null) store.put(record.key, sum, record.timestamp)',
    test: 'packages/streams/src/operator/scan.test.ts',
  },
]
