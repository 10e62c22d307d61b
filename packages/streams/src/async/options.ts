import type { AsyncFacts, Node, OnError, RetryFacts } from '../contract/node.ts'
import { RiachoError } from '../errors.ts'
import { deadLettersOf } from '../plan/failure.ts'
import { said } from '../plan/mixed.ts'
import { checkName, checkPartitioned } from '../plan/node.ts'
import { json } from '../serde/json.ts'
import type { BreakerOptions } from './breaker.ts'
import { Gate } from './gate.ts'
import { inPlace, longestRetry, type Retry } from './retry.ts'

/** Options of an asynchronous stage. Times are milliseconds. */
export interface AsyncOptions {
  /** Default: no retry. */
  readonly retry?: Retry
  /** What a record does whose work failed for good. Default 'fail'. */
  readonly onError?: OnError
  /** 'key': results go on as they come, those of a key in order; needs a stream that is partitioned by key. 'partition': all in input order. Default: 'key' where it can be. */
  readonly order?: 'key' | 'partition'
  /** A batch is closed at `recordsMax` records or `wait` milliseconds after its first. Default 500, 20. */
  readonly batch?: { readonly recordsMax: number; readonly wait: number }
  /** Batches at work at once. Default 4; of single records 64. */
  readonly inFlightMax?: number
  /** Records inside the stage; beyond it the task is not fed. Default 10,000. */
  readonly heldMax?: number
  /** Most time of one try. Default 30,000. */
  readonly timeout?: number
  /**
   * When to leave the system alone. While it is left alone its tasks read nothing, and no record uses up a try. Default: with `retry` on, else off; `false` is off.
   */
  readonly breaker?: BreakerOptions | false
  /** Batches at work at once in this process, over all tasks (a bulkhead). Default: no bound but `inFlightMax` of each task. */
  readonly inFlightTotalMax?: number
}

/** Facts of an asynchronous node. Throws `RIACHO_NOT_PARTITIONED` for an order by key that cannot be, `RIACHO_OPTION` for limits that make no sense. */
export function stageFacts(
  parent: Node,
  label: string,
  options: AsyncOptions,
  idempotent: boolean,
): { kind: 'async'; keyed: boolean; async: AsyncFacts; retries?: RetryFacts; deadLetters?: readonly string[] } {
  if (options.order === 'key') checkPartitioned(parent, label)
  const limits = {
    heldMax: options.heldMax ?? 1,
    inFlightMax: options.inFlightMax ?? 1,
    recordsMax: options.batch?.recordsMax ?? 1,
    timeout: options.timeout ?? 1,
    inFlightTotalMax: options.inFlightTotalMax ?? 1,
    ...(options.breaker && {
      'breaker.failures': options.breaker.failures ?? 1,
      'breaker.pause.min': options.breaker.pause?.min ?? 1,
      'breaker.pause.max': options.breaker.pause?.max ?? 1,
    }),
  }
  for (const [name, limit] of Object.entries(limits)) {
    if (!(Number.isSafeInteger(limit) && limit > 0))
      throw new RiachoError('RIACHO_OPTION', `'${label}': ${name} is a whole number above 0, not ${limit}`)
  }
  const keyed = options.order !== 'partition' && parent.partitioned
  const retries = options.retry?.topics && retryFacts(parent, label, options)
  const order = options.order ?? (keyed ? undefined : 'partition')
  return {
    kind: 'async',
    keyed,
    async: Object.freeze({ order, idempotent, retryMs: longestRetry(inPlace(options.retry)) }),
    ...(retries && { retries }),
    ...deadLettersOf(options.onError),
  }
}

/** The gate of an operator, which its tasks share. */
export function gateOf({ breaker, retry, inFlightTotalMax }: AsyncOptions): Gate {
  return new Gate(breaker ?? (retry === undefined ? false : {}), inFlightTotalMax)
}

/** The retry topics of a node. Throws `RIACHO_OPTION`, `RIACHO_NAME`, `RIACHO_NO_SERDE`. */
function retryFacts(parent: Node, label: string, { retry, order }: AsyncOptions): RetryFacts {
  const { retriesMax, topics } = retry!
  const { name, delays } = topics!
  checkName(name, 'retry')
  const refused = (why: string): RiachoError => new RiachoError('RIACHO_OPTION', `'${label}': ${why}`, { place: { node: label } })
  if (order === 'partition') throw refused("what waits in retry.topics is passed by others, so there is no order: 'partition'")
  if (!(Number.isSafeInteger(retriesMax) && retriesMax >= delays.length))
    throw refused(
      `retry.topics has ${delays.length} delays, one retry each, and retriesMax is ${retriesMax}: raise it, or leave delays out`,
    )
  const wrong = delays.find(delay => !(Number.isSafeInteger(delay) && delay > 0))
  if (wrong !== undefined) throw refused(`a delay of retry.topics is a whole number of milliseconds above 0, not ${wrong}`)
  if (parent.key === undefined)
    throw new RiachoError(
      'RIACHO_NO_SERDE',
      `'${label}' writes keys to retry topics and nobody said how: give { key: … } to the operator that made the key`,
      { place: { node: label } },
    )
  const value = said(parent.value, label, 'value') ?? json<unknown>()
  return Object.freeze({ name, delays: Object.freeze([...delays]), key: said(parent.key, label, 'key'), value })
}
