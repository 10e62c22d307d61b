import type { Event, Recomputed } from './event-processor.ts'

/** Tries that an event has in all at each system. */
const triesMax = 6

/** By uid: how often a system refuses an event before it takes it. */
export type Refusals = ReadonlyMap<string, number>

/** Where events can be refused. */
export interface Refused {
  readonly stored: Refusals
  readonly queued: Refusals
}

/** What real servers must hold when some of them have refused events. */
export interface Production {
  /** By uid. */
  readonly rows: ReadonlyMap<string, Event>
  /** By client, in the order of the file. */
  readonly queues: ReadonlyMap<string, readonly Event[]>
  /** By `client/event type/start of the minute`. */
  readonly counts: ReadonlyMap<string, number>
  /** Offsets and bytes of the lines that are no events, as Connect hands them on. */
  readonly invalid: readonly { readonly offset: number; readonly bytes: Uint8Array }[]
  /** By uid: which system has refused an event for ever. */
  readonly dead: ReadonlyMap<string, keyof Refused>
  /** By uid: how often each system was tried for an event that it refused at least once. */
  readonly tries: { readonly [system in keyof Refused]: ReadonlyMap<string, number> }
}

/** Connect decodes lines as UTF-8, and what is none becomes U+FFFD. */
const asText = (bytes: Uint8Array): Uint8Array => Buffer.from(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))

/** Recomputes what is left where, from what a file says and from what was refused. */
export function recomputeProduction({ rows, queues, counts, invalid }: Recomputed, refused: Refused): Production {
  const isRefused = (system: keyof Refused, uid: string): boolean => (refused[system].get(uid) ?? 0) >= triesMax
  const isStored = ({ uid }: Event): boolean => !isRefused('stored', uid)
  const dead = new Map<string, keyof Refused>()
  for (const uid of rows.keys()) {
    if (isRefused('stored', uid)) dead.set(uid, 'stored')
    else if (isRefused('queued', uid)) dead.set(uid, 'queued')
  }
  const triesOf = (of: Refusals): Map<string, number> => new Map([...of].map(([uid, times]) => [uid, Math.min(times + 1, triesMax)]))
  return {
    rows: new Map([...rows].filter(([, event]) => isStored(event))),
    queues: new Map([...queues].map(([client, events]) => [client, events.filter(({ uid }) => !dead.has(uid))])),
    counts,
    invalid: invalid.map(({ line, bytes }) => ({ offset: line - 1, bytes: asText(bytes) })),
    dead,
    tries: { stored: triesOf(refused.stored), queued: triesOf(refused.queued) },
  }
}
