import type { Mutant } from './mutant.ts'

const tries = 'packages/streams/src/async/tries.test.ts'
const breaker = 'packages/streams/src/async/breaker.ts'
const breakerTest = 'packages/streams/src/async/breaker.test.ts'

/** Bugs of retries and of the circuit breaker. */
export const policy: readonly Mutant[] = [
  {
    name: 'a system that is away uses up the tries of records',
    file: 'packages/streams/src/async/flight.ts',
    find: 'if (guarded && refused?.away)',
    replace: 'if (guarded && refused?.away && this.attempts < 0)',
    test: tries,
  },
  {
    name: 'the lane of a record that is tried again is released',
    file: 'packages/streams/src/async/lanes.ts',
    find: 'if (busy?.has(name)) continue',
    replace: 'if (busy?.has(name) && busy.size > 1000) continue',
    test: tries,
  },
  {
    name: 'what was written with a refused record of its key goes on before it',
    file: 'packages/streams/src/async/flight.ts',
    find: "entry.state === 'done' && blocked.has(entry.lane)",
    replace: "entry.state === 'done' && blocked.has(entry)",
    test: tries,
  },
  {
    name: 'what waits for a record of its key is tried with it',
    file: 'packages/streams/src/async/flight.ts',
    find: 'error instanceof SinkError && error.untried',
    replace: 'error instanceof SinkError && error.untried && error.away',
    test: tries,
  },
  {
    name: 'what was not tried comes back behind what came later',
    file: 'packages/streams/src/async/lanes.ts',
    find: 'lane.waiting.unshift(entry)',
    replace: 'lane.waiting.push(entry)',
    test: 'packages/streams/src/async/lanes.test.ts',
  },
  {
    name: 'a half-open breaker lets everybody in',
    file: breaker,
    find: '    this.#probe = work\n',
    replace: '',
    test: breakerTest,
  },
  {
    name: 'one record that always fails opens the breaker',
    file: breaker,
    find: 'this.#failed.add(work)',
    replace: 'this.#failed.add({})',
    test: breakerTest,
  },
  {
    name: 'a dead letter does not count its retries',
    file: 'packages/streams/src/wire/dead-letter.ts',
    find: 'Buffer.from(String(failure.attempts - 1))',
    replace: 'Buffer.from(String(failure.attempts))',
    test: 'test/e2e/policy.test.ts',
  },
]
