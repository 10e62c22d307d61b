import { closeStores } from './kept-store.ts'
import type { OpenTask } from './open.ts'

/** Closes a task without a commit: what its transaction holds is aborted, stores may be left to the task that takes its place. What cannot be closed does not keep the rest open; gives what failed. */
export async function closeTask({ task, readers }: OpenTask, exactlyOnce: boolean, leaveStores: boolean): Promise<readonly unknown[]> {
  const failures: unknown[] = []
  const parts = [
    ...readers.map(reader => () => reader.close()),
    () => task.close(),
    async () => leaveStores || closeStores(task.kept),
    () => (exactlyOnce ? task.producer.abort() : Promise.resolve()),
    () => task.producer.close(),
    () => (task.changelog === task.producer ? Promise.resolve() : task.changelog.close()),
  ]
  for (const close of parts) await close().catch((thrown: unknown) => failures.push(thrown))
  return failures
}
