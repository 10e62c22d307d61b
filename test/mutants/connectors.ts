import type { Mutant } from './mutant.ts'

/** Bugs of connectors, against the real servers, and of serdes that fetch what they lack. */
export const connectors: readonly Mutant[] = [
  {
    name: 'postgres: rows that nobody has are found again after those that a commit covers',
    file: 'connectors/postgres/src/source.ts',
    find: 'if (last?.covered === 0) return last',
    replace: 'if (last !== undefined) return last',
    test: 'connectors/postgres/src/source.test.ts',
  },
  {
    name: 'postgres: an older row takes the place of a newer one',
    file: 'connectors/postgres/src/sink.ts',
    find: "notNewer(by, 'excluded')",
    replace: "'true'",
    test: 'connectors/postgres/src/sink.test.ts',
  },
  {
    name: 'postgres: what is given up goes on in the server',
    file: 'connectors/postgres/src/client.ts',
    find: '      this.#cancel()\n',
    replace: '',
    test: 'connectors/postgres/src/client.test.ts',
  },
  {
    name: 'redis: an older value takes the place of a newer one',
    file: 'connectors/redis/src/sink.ts',
    find: 'elseif not held or tonumber(held) <= tonumber(version) then',
    replace: 'elseif true then',
    test: 'connectors/redis/src/sink.test.ts',
  },
  {
    name: 'redis: a deleted key forgets its version',
    file: 'connectors/redis/src/sink.ts',
    find: "      redis.call('HSET', key, 'version', version)\n",
    replace: '',
    test: 'connectors/redis/src/sink.test.ts',
  },
  {
    name: 'redis: a reader that lives gives no sign of it',
    file: 'connectors/redis/src/source.ts',
    find: 'if (this.#pending.length === 0) return\n',
    replace: 'return\n',
    test: 'connectors/redis/src/source.test.ts',
  },
  {
    name: 'rabbitmq: a reader that is closed keeps what it was given',
    file: 'connectors/rabbitmq/src/client.ts',
    find: 'await channel?.close().catch(quiet)',
    replace: '',
    test: 'connectors/rabbitmq/src/source.test.ts',
  },
  {
    name: 'sqs: a message that waits for one of its group uses up a try',
    file: 'connectors/sqs/src/sink.ts',
    find: 'untried: true',
    replace: 'untried: false',
    test: 'connectors/sqs/src/sink.test.ts',
  },
  {
    name: 'sqs: what could not be deleted is never deleted',
    file: 'connectors/sqs/src/source.ts',
    find: '  async #stayAlive(): Promise<void> {\n    await this.#deleteCovered()\n',
    replace: '  async #stayAlive(): Promise<void> {\n',
    test: 'connectors/sqs/src/source.test.ts',
  },
  {
    name: 'http: records of a key pass one that waits',
    file: 'connectors/http/src/sink.ts',
    find: "if (failure.kind === 'transient') before ??= failure",
    replace: '',
    test: 'connectors/http/src/sink.test.ts',
  },
  {
    name: 'a record whose schema is asked for is a bad one',
    file: 'packages/runtime/src/task/decoder.ts',
    find: 'if (thrown instanceof NotReady) {',
    replace: 'if (thrown instanceof NotReady && offset < 0) {',
    test: 'packages/runtime/src/task/waiting.test.ts',
  },
  {
    name: 'a record that waited is passed over',
    file: 'packages/runtime/src/task/input.ts',
    find: '    this.#again = true\n',
    replace: '',
    test: 'packages/runtime/src/task/waiting.test.ts',
  },
]
