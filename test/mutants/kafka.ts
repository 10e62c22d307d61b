import type { Mutant } from './mutant.ts'

/** Bugs of the client of Kafka clusters. */
export const kafka: readonly Mutant[] = [
  {
    name: 'a batch follows the first one of its partition before the broker counts the producer',
    file: 'packages/kafka/src/producer/queue.ts',
    find: 'this.onTheWay > 0 && (this.#again || !this.#counted)',
    replace: 'this.onTheWay > 0 && this.#again',
    test: 'packages/kafka/src/producer/queue.test.ts',
  },
  {
    name: 'sequences begin again one number early',
    file: 'packages/kafka/src/producer/queue.ts',
    find: '(sequence + records) % sequences',
    replace: '(sequence + records) % (sequences - 1)',
    test: 'packages/kafka/src/producer/queue.test.ts',
  },
  {
    name: 'what is sent again goes while what failed is not answered',
    file: 'packages/kafka/src/producer/queue.ts',
    find: 'this.onTheWay > 0 && (this.#again || !this.#counted)',
    replace: 'this.onTheWay > 0 && !this.#again && !this.#counted',
    test: 'packages/kafka/src/producer/queue.test.ts',
  },
  {
    name: 'behind a batch that is given up its numbers are missing',
    file: 'packages/kafka/src/producer/sender.ts',
    find: '    if (!this.#transactional) queue.renew()\n',
    replace: '',
    test: 'packages/kafka/src/producer/sender.test.ts',
  },
  {
    name: 'a batch behind one that failed begins a new epoch',
    file: 'packages/kafka/src/producer/sender.ts',
    find: 'if (miscount && first) queue.renew()',
    replace: 'if (miscount) queue.renew()',
    test: 'packages/kafka/src/producer/sender.test.ts',
  },
  {
    name: 'a batch overtakes one that waits until its partition is in the transaction',
    file: 'packages/kafka/src/producer/sender.ts',
    find: '        if (this.#isEnlisted(queue) !== enlisted) continue\n',
    replace: '',
    test: 'packages/kafka/src/producer/sender.test.ts',
  },
  {
    name: 'a record that is appended after a flush of changes goes with them',
    file: 'packages/kafka/src/producer/queue.ts',
    find: '    if (this.#options.full === undefined) this.#open = undefined\n',
    replace: '',
    test: 'packages/kafka/src/producer/queue.test.ts',
  },
]
