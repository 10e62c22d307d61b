/** What an event is; `from` is the partition that it came from. */
export interface ClientEvent {
  readonly uid: number
  readonly client: 'A' | 'B'
  readonly from: number
}

/** The names of one run's application and topics: several runs share a cluster. */
export const namesOf = (run: string) => ({
  application: `${run}events-app`,
  events: `${run}events`,
  invalid: `${run}invalid`,
  counts: `${run}counts`,
  queue: (client: string): string => `${run}queue-${client}`,
})
