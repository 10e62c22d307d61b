import type { Mutant } from './mutant.ts'

/** Bugs of tables, of what holds their changes back, and of plans that are optimized. */
export const tables: readonly Mutant[] = [
  {
    name: 'the old value of a filtered row is the one before the filter',
    file: 'packages/streams/src/table/changed.ts',
    find: 'previous = store.get(key)?.value ?? null',
    replace: 'previous = (from ?? null) as never',
    test: 'test/simulation/tables.test.ts',
  },
  {
    name: 'a change that is older than the history is handed on',
    file: 'packages/streams/src/table/versioned-rows.ts',
    find: "if (put !== 'expired') out(",
    replace: 'out(',
    test: 'test/simulation/versioned.test.ts',
  },
  {
    name: 'a change of a group subtracts nothing',
    file: 'packages/streams/src/window/table-aggregation.ts',
    find: 'if (delta.previous !== null && sum !== null) sum = ',
    replace: 'if (delta.previous !== null && sum !== null && delta.value === null) sum = ',
    test: 'test/simulation/tables.test.ts',
  },
  {
    name: 'a result that waits is told one millisecond too late',
    file: 'packages/streams/src/operator/suppress.ts',
    find: 'while (buffer.time <= clock.time - wait)',
    replace: 'while (buffer.time < clock.time - wait)',
    test: 'packages/streams/src/operator/suppress.test.ts',
  },
  {
    name: 'what was held back has the place of the record that lets it out',
    file: 'packages/runtime/src/task/task.ts',
    find: 'this.#resumed = of ?? before',
    replace: 'this.#resumed = before',
    test: 'packages/streams/src/operator/suppress.test.ts',
  },
  {
    name: 'a change that is held back keeps its place through a restart',
    file: 'packages/streams/src/store/suppress-buffer.ts',
    find: 'this.#added(key, time, decode(prior))',
    replace: 'this.#added(key, found?.time ?? time, decode(prior))',
    test: 'packages/streams/src/store/suppress-buffer.test.ts',
  },
  {
    name: 'a cache tells of rows that came and went',
    file: 'packages/streams/src/store/held-changes.ts',
    find: 'if (log === undefined || (log[1] === null && old === null)) continue',
    replace: 'if (log === undefined) continue',
    test: 'test/simulation/cache.test.ts',
  },
  {
    name: 'a cache tells the old value that was written last',
    file: 'packages/streams/src/store/held-changes.ts',
    find: 'previous: previous ? old : undefined',
    replace: 'previous: previous ? change.previous : undefined',
    test: 'test/simulation/cache.test.ts',
  },
  {
    name: 'a table whose topic is its changelog comes back from its end',
    file: 'packages/runtime/src/restore/restore.ts',
    find: 'home, each, offset)',
    replace: 'home, each)',
    test: 'packages/runtime/src/restore/source-changelog.test.ts',
  },
  {
    name: 'repartitions are merged in spite of what they say',
    file: 'packages/streams/src/plan/merged-repartitions.ts',
    find: 'repartition?.mergeable === true && ',
    replace: 'repartition !== undefined && ',
    test: 'packages/streams/src/plan/optimize.test.ts',
  },
  {
    name: 'a merged repartition comes after what else reads the new key',
    file: 'packages/streams/src/plan/merged-repartitions.ts',
    find: 'changes: { created: changer.from.created }',
    replace: 'changes: {}',
    test: 'packages/streams/src/plan/optimize.test.ts',
  },
  {
    name: 'a record of a self join meets itself after those of its time',
    file: 'packages/streams/src/join/stream-self.ts',
    find: 'if (itself && at > timestamp) {',
    replace: 'if (itself && at > timestamp + before) {',
    test: 'test/simulation/stream-joins.test.ts',
  },
]
