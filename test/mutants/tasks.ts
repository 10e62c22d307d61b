import type { Mutant } from './mutant.ts'

const drainTest = 'packages/runtime/src/commit/drain.test.ts'
const inputsTest = 'packages/runtime/src/task/inputs.test.ts'
const input = 'packages/runtime/src/task/input.ts'
const stage = 'packages/streams/src/async/stage.ts'
const retry = 'packages/streams/src/async/retry.ts'

/** Bugs of what a task takes in, works on and sends. */
export const tasks: readonly Mutant[] = [
  {
    name: 'the position of a connector does not advance',
    file: input,
    find: 'this.mark = cursor.mark ?? this.mark',
    replace: 'this.mark = this.mark ?? cursor.mark',
    test: 'packages/runtime/src/task/connector.test.ts',
  },
  {
    name: 'a policy of offsets forgets where it goes on',
    file: 'packages/runtime/src/loop/engine.ts',
    find: 'input.goOn(position)',
    replace: 'input.position = position',
    test: 'packages/runtime/src/task/reset.test.ts',
  },
  {
    name: 'what is only passed over is not committed',
    file: 'packages/runtime/src/task/task.ts',
    find: 'if (taken > 0 || this.inputs.some(input => input.position > input.covered)) this.dirty = true',
    replace: 'if (taken > 0) this.dirty = true',
    test: 'packages/runtime/src/commit/commit.test.ts',
  },
  {
    name: 'a dead letter has not the original bytes',
    file: 'packages/runtime/src/task/letters.ts',
    find: 'const { key, value, timestamp } = origin',
    replace: 'const { key, timestamp } = origin\n    const value = origin.value && Buffer.from(String(origin.value))',
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
    find: '  const length = end - start\n  if (length <= tiny) {',
    replace: '  const length = end - start\n  if (length > 0) return frame.subarray(start, end)\n  if (length <= tiny) {',
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
    find: '  const wait = pause(retry, attempts)',
    replace: '  const wait = 0',
    test: 'packages/streams/src/async/retry.test.ts',
  },
  {
    name: 'work is tried once more than it may be',
    file: retry,
    find: 'attempts > retry.retriesMax',
    replace: 'attempts > retry.retriesMax + 1',
    test: drainTest,
  },
  {
    name: 'old work still runs when it is tried again',
    file: 'packages/streams/src/async/retry.ts',
    find: '    if (!ended) await settled(a, work)\n',
    replace: '',
    test: 'packages/runtime/src/commit/drain.test.ts',
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
    find: 'if (this.size >= this.#heldMax) return true',
    replace: 'if (this.size > this.#heldMax) return true',
    test: drainTest,
  },
  {
    name: 'an asynchronous record overtakes one of its key',
    file: 'packages/streams/src/async/lanes.ts',
    find: '    if (lane.busy) return\n',
    replace: '',
    test: 'packages/streams/src/async/stage.test.ts',
  },
  {
    name: 'a repartition keeps null keys',
    file: 'packages/runtime/src/task/sender.ts',
    find: 'if (record.key !== null || !context.dropNullKeys) send(record, lane)',
    replace: 'send(record, lane)',
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
    file: 'packages/runtime/src/task/input-choice.ts',
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
]
