import { BrokerError, type TopicPartition } from '@riacho/streams/engine'

/** `topic-partition`, for messages and as a map key. */
export const nameOf = (at: TopicPartition): string => `${at.topic}-${at.partition}`

/** A topic or partition that does not exist. */
export const unknownPartition = (at: TopicPartition): BrokerError =>
  new BrokerError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    `There is no partition ${nameOf(at)}. Create the topic, with as many partitions as are used.`,
    { at },
  )

/** A call on something that is closed. */
export const closed = (what: string): BrokerError => new BrokerError('CLOSED', `This ${what} is closed.`)

/** A call that a broker opened for reading only cannot do. */
export const readOnlyBroker = (): BrokerError =>
  new BrokerError('READ_ONLY', 'This broker is open for reading only. Open the directory without readOnly to write to it.')

/** A producer whose place was taken by a newer one, or whose transaction timed out. */
export const fencedProducer = (transactionalId: string, why: string): BrokerError =>
  new BrokerError('PRODUCER_FENCED', `The producer "${transactionalId}" may not go on: ${why}. Make a new producer with the same id.`, {
    fenced: true,
  })

/** A group member that is not (or no longer) part of the group's generation. */
export const staleMember = (group: string, memberId: string, code: 'ILLEGAL_GENERATION' | 'UNKNOWN_MEMBER_ID'): BrokerError =>
  new BrokerError(
    code,
    `Member ${memberId} is not in the current generation of group "${group}". Join again and go on from the committed offsets.`,
    {
      fenced: true,
      abortable: true,
    },
  )

/** The same failure in a transaction: nothing of it is kept, and an abort makes the producer usable again. */
export const abortable = (failure: BrokerError): BrokerError =>
  failure.abortable
    ? failure
    : new BrokerError(failure.code, failure.message, {
        retriable: failure.retriable,
        fenced: failure.fenced,
        abortable: true,
        fatal: failure.fatal,
        at: failure.at,
        cause: failure,
      })

const codeOf = (thrown: unknown): string => (thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '')

/** A failed write to a file of the data directory. */
export function writeFailed(path: string, cause: unknown): BrokerError {
  const code = codeOf(cause)
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG')
    return new BrokerError(
      'DISK_FULL',
      `There is no room to write ${path} (${code}). Nothing of the write was kept; free some space and try again.`,
      { fatal: true, cause },
    )
  return new BrokerError('IO_ERROR', `Writing ${path} failed${code === '' ? '' : ` (${code})`}. Check the data directory.`, {
    abortable: true,
    cause,
  })
}
