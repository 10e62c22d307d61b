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
 * The same function, which in a test that looks closer may not answer with a promise. For functions that may answer anything: elsewhere a look at each answer would cost
 * every record.
 */
export function atOnce<A extends readonly unknown[], R>(
  f: (...given: A) => R,
  task: Task,
  node: string,
  strict: boolean | undefined,
): (...given: A) => R {
  if (strict !== true) return f
  return (...given) => {
    const answer = f(...given)
    refusePromise(task, node, Array.isArray(answer) ? answer.find(isPromise) : answer)
    return answer
  }
}
