import type { OnError } from '../contract/node.ts'
import type { Task } from '../contract/task.ts'
import { type ErrorCode, RiachoError, reasonOf } from '../errors.ts'

/** An option that every stage with a function of the user has. */
export interface ErrorOption {
  /** What happens to a record whose function throws. Default 'fail': the task stops. */
  readonly onError?: OnError
}

/**
 * What one node does when its function threw for the record being processed: stop the task with a `RiachoError`, drop and count, or write a dead letter. A
 * `RiachoError` keeps its code.
 * It guards that function only, never what comes after it.
 */
export function failed(
  task: Task,
  node: string,
  onError: OnError = 'fail',
  code: ErrorCode = 'RIACHO_PROCESSING',
): (thrown: unknown) => void {
  if (onError === 'fail') {
    return thrown => {
      refuseAnyway(thrown)
      throw failureOf(task, node, thrown, 'mend it, or give the stage an onError', code)
    }
  }
  if (onError === 'skip') {
    return thrown => {
      refuseAnyway(thrown)
      task.drop('processing')
    }
  }
  const topic = onError.deadLetter
  return thrown => {
    refuseAnyway(thrown)
    task.deadLetter(topic, { code: codeOf(thrown, code), reason: reasonOf(thrown), node, attempts: 1, firstFailure: task.now() })
  }
}

/** A function that answers with promises does so for every record: no policy is meant for that. */
function refuseAnyway(thrown: unknown): void {
  if (thrown instanceof RiachoError && thrown.code === 'RIACHO_PROMISE') throw thrown
}

/** The error of a node whose function threw for the record being processed, with its place and what to do. */
export function failureOf(task: Task, node: string, thrown: unknown, wayOut: string, code: ErrorCode = 'RIACHO_PROCESSING'): RiachoError {
  const at = task.position()
  const where = at === null ? '' : ` at ${at.topic}-${at.partition} offset ${at.offset}`
  return new RiachoError(codeOf(thrown, code), `'${node}' failed${where}: ${reasonOf(thrown)}; ${wayOut}`, {
    cause: thrown,
    place: { node, ...at },
  })
}

const codeOf = (thrown: unknown, otherwise: ErrorCode): ErrorCode => (thrown instanceof RiachoError ? thrown.code : otherwise)

/** The dead letter topics of a policy, as a fact of its node. */
export function deadLettersOf(onError: OnError | undefined): { deadLetters?: readonly string[] } {
  return typeof onError === 'object' ? { deadLetters: Object.freeze([onError.deadLetter]) } : {}
}
