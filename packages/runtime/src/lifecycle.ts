/** Kafka Streams: `KafkaStreams.State`. */
export type State = 'CREATED' | 'REBALANCING' | 'RUNNING' | 'PENDING_SHUTDOWN' | 'NOT_RUNNING' | 'PENDING_ERROR' | 'ERROR'

/** Which state may follow which: the table that `docs/lifecycle.md` shows. */
export const transitions: Readonly<Record<State, readonly State[]>> = Object.freeze({
  CREATED: ['REBALANCING', 'PENDING_SHUTDOWN', 'PENDING_ERROR'],
  REBALANCING: ['RUNNING', 'PENDING_SHUTDOWN', 'PENDING_ERROR'],
  RUNNING: ['REBALANCING', 'PENDING_SHUTDOWN', 'PENDING_ERROR'],
  PENDING_SHUTDOWN: ['NOT_RUNNING', 'PENDING_ERROR'],
  NOT_RUNNING: [],
  PENDING_ERROR: ['ERROR'],
  ERROR: [],
})

/** Whether the way from one state to another is in the table. */
export function mayFollow(from: State, to: State): boolean {
  return transitions[from].includes(to)
}
