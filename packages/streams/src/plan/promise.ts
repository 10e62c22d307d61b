import type { Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'

const isPromise = (answer: unknown): answer is PromiseLike<unknown> =>
  typeof answer === 'object' && answer !== null && typeof (answer as { readonly then?: unknown }).then === 'function'

/** Throws `RIACHO_PROMISE` when a function that must answer at once answered with a promise: it would be taken for the value itself. */
export function refusePromise(task: Task, node: string, answer: unknown): void {
  if (!isPromise(answer)) return
  // It is nobody's any more.
  answer.then(undefined, () => {})
  const at = task.position()
  throw new RiachoError(
    'RIACHO_PROMISE',
    `'${node}' was answered with a promise and takes what is there at once: put mapAsync before it for asynchronous work, and persist for writes`,
    { place: { node, ...at } },
  )
}

/**
 * As {@link refusePromise}, for functions that may answer anything: the first answer of a task is looked at, and every one in a test that looks closer. Returns whether
 * the next one should be.
 */
export function lookForPromise(task: Task, node: string, answer: unknown, strict: boolean | undefined): boolean {
  refusePromise(task, node, answer)
  return strict === true
}
