import { BrokerError, type Position, RiachoError, reasonOf } from '@riacho/streams/engine'

/**
 * What stops a task, with its place: an error that says none itself, thrown where no stage's policy is asked (a serde of a store, a repartition), is told with the record
 * at which it happened. Failures of the broker are no record's.
 */
export function stopOf(error: unknown, id: string, at: Position | null): unknown {
  if (error instanceof BrokerError) return error
  if (error instanceof RiachoError && (error.place.offset !== undefined || at === null)) return error
  const where = at === null ? '' : ` at ${at.topic}-${at.partition} offset ${at.offset}`
  if (!(error instanceof RiachoError))
    return new RiachoError('RIACHO_PROCESSING', `task ${id} failed${where}: ${reasonOf(error)}`, { cause: error, place: { ...at } })
  const message = error.message.slice(`${error.code}: `.length)
  return new RiachoError(error.code, `${message} (task ${id}${where})`, { cause: error.cause ?? error, place: { ...error.place, ...at } })
}
