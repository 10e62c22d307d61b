import type { Mutant } from './mutant.ts'

const commit = 'packages/runtime/src/commit/commit.ts'
const commitTest = 'packages/runtime/src/commit/commit.test.ts'
const drainTest = 'packages/runtime/src/commit/drain.test.ts'
const recoveryTest = 'packages/runtime/src/commit/recovery.test.ts'
const lasting = 'packages/runtime/src/commit/lasting.ts'
const lastingTest = 'packages/runtime/src/commit/lasting.test.ts'
const restoreTest = 'packages/runtime/src/restore/restore.test.ts'
const longRestoreTest = 'packages/runtime/src/loop/long-restore.test.ts'
const task = 'packages/runtime/src/task/task.ts'
const engine = 'packages/runtime/src/loop/engine.ts'

/** Bugs of commits, restores and how a task recovers. */
export const commits: readonly Mutant[] = [
  {
    name: 'what its topic does not take is tried again and again',
    file: lasting,
    find: "if (code === 'MESSAGE_TOO_LARGE') {",
    replace: "if (code === 'RECORD_TOO_LARGE') {",
    test: lastingTest,
  },
  {
    name: 'a topic that is gone is taken for one that will come',
    file: lasting,
    find: ' || !(await isGone(at, broker))) return',
    replace: ' || (await isGone(at, broker))) return',
    test: lastingTest,
  },
  {
    name: 'a topic that has fewer partitions than it had is taken for whole',
    file: lasting,
    find: 'partition >= (known.get(topic) ?? 0)',
    replace: '!known.has(topic) && partition >= 0',
    test: lastingTest,
  },
  {
    name: 'a restore says nothing while it goes on',
    file: 'packages/runtime/src/restore/restore.ts',
    find: '      progress += await went(home)\n      for',
    replace: '      for',
    test: 'packages/runtime/src/commit/recovery.test.ts',
  },
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
    name: 'a fenced commit is taken back, without joining again',
    file: 'packages/runtime/src/loop/engine.ts',
    find: 'await (fenced ? this.#joinAgain() : this.#recover(tasks, outcomes))',
    replace: 'await this.#recover(tasks, outcomes)',
    test: 'packages/runtime/src/loop/seat.test.ts',
  },
  {
    name: 'a task that is given up is restored to its end',
    file: 'packages/runtime/src/loop/engine.ts',
    find: "if (this.#coming.get(place.id) !== place) throw new Interrupted('the task is given up')",
    replace: '',
    test: longRestoreTest,
  },
  {
    name: 'what the group says is heard after a restore',
    file: 'packages/runtime/src/loop/engine.ts',
    find: 'await this.#seat?.heard()',
    replace: '',
    test: longRestoreTest,
  },
  {
    name: 'transactions stay open while a task is restored',
    file: 'packages/runtime/src/loop/engine.ts',
    find: 'if (this.#coming.size > 0) await this.commitDue(true)',
    replace: '',
    test: longRestoreTest,
  },
  {
    name: 'what the group says is done without a look when somebody listens anew',
    file: 'packages/runtime/src/loop/seat.ts',
    find: 'if (taken) return',
    replace: 'if (!this.#listening) return',
    test: 'packages/runtime/src/loop/seat.test.ts',
  },
  {
    name: 'tasks go back to their last commit one after another',
    file: 'packages/runtime/src/loop/engine.ts',
    find: 'again.push([place, { kept: known ? kept : undefined, counted: guard?.counted === true }])',
    replace: 'await this.#start(place, { kept: known ? kept : undefined, counted: guard?.counted === true })',
    test: 'packages/runtime/src/loop/seat.test.ts',
  },
  {
    name: 'a member that is lost once before it runs does not start',
    file: 'packages/runtime/src/loop/seat.ts',
    find: 'if (reason.fatal || ++this.#losses > lossesMax) ',
    replace: '',
    test: longRestoreTest,
  },
  {
    name: 'a seat that nobody can get back is waited for',
    file: 'packages/runtime/src/loop/seat.ts',
    find: 'if (reason.fatal) throw reason',
    replace: '',
    test: 'packages/runtime/src/loop/seat.test.ts',
  },
  {
    name: 'the end is that of this member only',
    file: 'packages/runtime/src/app.ts',
    find: '(await engine.othersAtEnd()) && (await engine.atEnd())',
    replace: '(await engine.atEnd())',
    test: 'packages/runtime/src/loop/others.test.ts',
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
    find: '    this.dirty = true\n    const origin = derived',
    replace: '    const origin = derived',
    test: 'packages/runtime/src/task/connector.test.ts',
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
    name: 'a store that was rolled back is not: rollback forgotten',
    file: engine,
    find: 'store.rollback()',
    replace: 'store.committed()',
    test: drainTest,
  },
  {
    name: 'a commit with an unknown outcome is taken for one that did not happen',
    file: 'packages/runtime/src/commit/commits.ts',
    find: "return fenced ? 'fenced' : known ? 'aborted' : 'unknown'",
    replace: "return fenced ? 'fenced' : 'aborted'",
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
    name: 'a repartition topic is purged short of what is committed',
    file: 'packages/runtime/src/loop/purge.ts',
    find: 'task.committed.filter(',
    replace: 'task.committed.map(at => ({ ...at, offset: at.offset - 1 })).filter(',
    test: 'packages/runtime/src/loop/limits.test.ts',
  },
  {
    name: 'a hand-over commits nothing',
    file: engine,
    find: 'await this.#commits.all(going, this.settings.limits.revokeDrainMs)',
    replace: "going.map(() => 'committed')",
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
    find: 'return this.#abandon(this.#given(partitions))',
    replace: 'return this.#closeAll(this.#given(partitions))',
    test: 'packages/runtime/src/loop/rebalance.test.ts',
  },
  {
    name: 'the changelog goes out before asynchronous work is done',
    file: commit,
    find: '  await drain(task, context.drainMs, settings)\n  while',
    replace: '  if (!settings.exactlyOnce) await task.changelog.flush()\n  await drain(task, context.drainMs, settings)\n  while',
    test: 'test/e2e/distinct.test.ts',
  },
]
