/** A deliberate bug: `find` stands once in `file` and is replaced; the tests of `test` must notice. Paths are from the root. */
export interface Mutant {
  readonly name: string
  readonly file: string
  readonly find: string
  readonly replace: string
  readonly test: string
}

const commit = 'packages/runtime/src/commit/commit.ts'
const commitTest = 'packages/runtime/src/commit/commit.test.ts'
const drainTest = 'packages/runtime/src/commit/drain.test.ts'
const recoveryTest = 'packages/runtime/src/commit/recovery.test.ts'
const restoreTest = 'packages/runtime/src/restore/restore.test.ts'
const inputsTest = 'packages/runtime/src/task/inputs.test.ts'
const simulation = 'test/simulation/aggregations.test.ts'
const input = 'packages/runtime/src/task/input.ts'
const task = 'packages/runtime/src/task/task.ts'
const engine = 'packages/runtime/src/loop/engine.ts'
const stage = 'packages/streams/src/async/stage.ts'
const retry = 'packages/streams/src/async/retry.ts'
const windows = 'packages/streams/src/window/aggregation.ts'

/** The bugs that the tests must catch. */
export const mutants: readonly Mutant[] = [
  {
    name: 'offsets are committed before the flush',
    file: commit,
    find: '    await task.producer.flush()\n',
    replace: '    await member.commit(offsets)\n    await task.producer.flush()\n',
    test: commitTest,
  },
  {
    name: 'the changelog goes out before the outputs',
    file: commit,
    find: '    await task.producer.flush()\n    await task.changelog.flush()\n',
    replace: '    await task.changelog.flush()\n    await task.producer.flush()\n',
    test: commitTest,
  },
  {
    name: 'a full batch of a changelog does not wait for its flush',
    file: 'packages/embedded/src/producer.ts',
    find: 'this.#hold = options.holdUntilFlush ?? false',
    replace: 'this.#hold = false',
    test: commitTest,
  },
  {
    name: 'the offset is one too far',
    file: commit,
    find: 'offset: input.position,',
    replace: 'offset: input.position + 1,',
    test: commitTest,
  },
  {
    name: 'the offset of an unfinished asynchronous record is committed',
    file: commit,
    find: 'while (task.held > 0) {',
    replace: 'while (task.held > 10_000) {',
    test: commitTest,
  },
  {
    name: 'what is put aside is not committed',
    file: task,
    find: '    this.dirty = true\n    const origin = ',
    replace: '    const origin = ',
    test: commitTest,
  },
  {
    name: 'stream time is not kept',
    file: commit,
    find: 'if (settings.keepStreamTime)',
    replace: 'if (settings.keepStreamTime && settings.exactlyOnce)',
    test: restoreTest,
  },
  {
    name: 'a connector is told of its position before the commit has succeeded',
    file: commit,
    find: '  await drain(task, context.drainMs, settings)\n',
    replace:
      '  await drain(task, context.drainMs, settings)\n  for (const reader of context.connectors) await reader.committed(reader.input.mark)\n',
    test: 'packages/runtime/src/task/connector.test.ts',
  },
  {
    name: 'the position of a connector does not advance',
    file: input,
    find: 'this.mark = cursor.mark ?? this.mark',
    replace: 'this.mark = this.mark ?? cursor.mark',
    test: 'packages/runtime/src/task/connector.test.ts',
  },
  {
    name: 'a store that was rolled back is not: rollback forgotten',
    file: engine,
    find: 'store.rollback()',
    replace: 'store.committed()',
    test: drainTest,
  },
  {
    name: 'a commit with an unknown outcome is taken for one that did not happen',
    file: engine,
    find: "return known ? 'aborted' : 'unknown'",
    replace: "return 'aborted'",
    test: recoveryTest,
  },
  {
    name: 'restoring stops one record early',
    file: 'packages/runtime/src/restore/restore.ts',
    find: 'while (position < end) {',
    replace: 'while (position < end - 1) {',
    test: restoreTest,
  },
  {
    name: 'restoring reads what was aborted',
    file: 'packages/runtime/src/restore/restore.ts',
    find: "isolation: 'read_committed'",
    replace: "isolation: 'read_uncommitted'",
    test: restoreTest,
  },
  {
    name: 'aborted records are delivered',
    file: 'packages/embedded/src/fetcher.ts',
    find: 'this.#committed ? log.abortedIn(from, range.next) : undefined',
    replace: 'undefined',
    test: restoreTest,
  },
  {
    name: 'a dead letter has not the original bytes',
    file: task,
    find: 'value: origin.value,',
    replace: 'value: origin.value && Buffer.from(String(origin.value)),',
    test: inputsTest,
  },
  {
    name: 'an asynchronous stage keeps a view of a frame for its dead letters',
    file: input,
    find: 'Uint8Array.prototype.slice.call(frame, start, end)',
    replace: 'frame.subarray(start, end)',
    test: 'packages/runtime/src/task/loans.test.ts',
  },
  {
    name: 'a serde keeps the loan past its release',
    file: 'packages/streams/src/serde/bytes.ts',
    find: 'decode: (raw: Uint8Array) => Uint8Array.from(raw)',
    replace: 'decode: (raw: Uint8Array) => raw',
    test: 'packages/runtime/src/task/loans.test.ts',
  },
  {
    name: 'loans are not given back',
    file: input,
    find: '    slice.batches?.release()\n',
    replace: '',
    test: 'packages/runtime/src/task/loans.test.ts',
  },
  {
    name: 'work is tried again at once',
    file: retry,
    find: '      await a.sleep(pause(a.retry, attempts), a.signal)\n',
    replace: '      await Promise.resolve()\n',
    test: drainTest,
  },
  {
    name: 'work is tried once more than it may be',
    file: retry,
    find: 'attempts > a.retry.retriesMax',
    replace: 'attempts > a.retry.retriesMax + 1',
    test: drainTest,
  },
  {
    name: 'results leave out of order',
    file: stage,
    find: "this.#inOrder = asked.order === 'partition'",
    replace: 'this.#inOrder = false',
    test: drainTest,
  },
  {
    name: 'a full stage is fed',
    file: stage,
    find: 'return this.size >= this.#heldMax',
    replace: 'return this.size > this.#heldMax',
    test: drainTest,
  },
  {
    name: 'a late record is kept',
    file: windows,
    find: 'if (start + size <= close) {',
    replace: 'if (start + size <= close - size) {',
    test: simulation,
  },
  {
    name: 'a window is open one millisecond too long',
    file: windows,
    find: 'if (start + size <= close) {',
    replace: 'if (start + size < close) {',
    test: restoreTest,
  },
  {
    name: 'an aggregated row takes the time of its last record',
    file: windows,
    find: 'const timestamp = row !== undefined && row.timestamp > at ? row.timestamp : at',
    replace: 'const timestamp = at',
    test: simulation,
  },
  {
    name: 'a change has the wrong old value',
    file: windows,
    find: '    out({ key, value: sum, previous: asked.previous ? old : undefined,',
    replace: '    out({ key, value: sum, previous: asked.previous ? sum : undefined,',
    test: 'test/conformance/conformance.test.ts',
  },
  {
    name: 'old work still runs when it is tried again',
    file: 'packages/streams/src/async/retry.ts',
    find: '    if (!ended) await settled(a, work)\n',
    replace: '',
    test: 'packages/runtime/src/commit/drain.test.ts',
  },
  {
    name: 'a repartition topic is purged short of what is committed',
    file: 'packages/runtime/src/loop/engine.ts',
    find: 'task.committed.filter(',
    replace: 'task.committed.map(at => ({ ...at, offset: at.offset - 1 })).filter(',
    test: 'packages/runtime/src/loop/limits.test.ts',
  },
  {
    name: 'a repartition keeps null keys',
    file: 'packages/runtime/src/task/sender.ts',
    find: 'if (record.key !== null || !context.dropNullKeys) send(record, fixed)',
    replace: 'send(record, fixed)',
    test: 'packages/runtime/src/task/sender.test.ts',
  },
  {
    name: 'inputs with equal times go in the wrong order',
    file: 'packages/runtime/src/task/priority-queue.ts',
    find: 'if (input.headTime >= parent.headTime) break',
    replace: 'if (input.headTime > parent.headTime) break',
    test: 'packages/runtime/src/task/priority-queue.test.ts',
  },
  {
    name: 'an idle input is waited for again for each record',
    file: task,
    find: 'this.#idleUntil.get(input) ?? now + maxTaskIdleMs',
    replace: 'now + maxTaskIdleMs',
    test: inputsTest,
  },
  {
    name: 'what the broker is known to hold is not waited for',
    file: 'packages/runtime/src/task/open.ts',
    find: 'input.end = ends?.lastStable ?? 0',
    replace: 'input.end = 0',
    test: inputsTest,
  },
  {
    name: 'bytes that cannot be decoded are dropped instead of put aside',
    file: 'packages/runtime/src/task/decoder.ts',
    find: "if (onError === 'skip') ",
    replace: "if (onError !== 'fail') ",
    test: inputsTest,
  },
  {
    name: 'a hand-over commits nothing',
    file: engine,
    find: 'await this.#commit(open, this.settings.limits.revokeDrainMs)',
    replace: "await Promise.resolve('committed')",
    test: 'packages/runtime/src/loop/rebalance.test.ts',
  },
  {
    name: 'going back to the last commit counts as a crash',
    file: 'packages/runtime/src/task/open.ts',
    find: '(before?.counted ? 1 : 0)',
    replace: '0',
    test: recoveryTest,
  },
  {
    name: 'a producer that cannot abort stops a member that has lost its task',
    file: engine,
    find: 'between(() => this.#abandon(',
    replace: 'between(() => this.#closeAll(',
    test: 'packages/runtime/src/loop/rebalance.test.ts',
  },
  {
    name: 'an asynchronous record overtakes one of its key',
    file: 'packages/streams/src/async/lanes.ts',
    find: '    if (lane.busy) return\n',
    replace: '',
    test: 'packages/streams/src/async/stage.test.ts',
  },
]
