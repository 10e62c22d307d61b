import type { Event, Recomputed } from './event-processor.ts'

/** Tries that an event has in all at each system. */
const triesMax = 6
/** Bytes of a message that SQS takes. */
const messageBytesMax = 262_144

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
  /** Those of each client that other services are told of, in the order of the file. */
  readonly told: ReadonlyMap<string, readonly Event[]>
  /** By `client/event type/start of the minute`. */
  readonly counts: ReadonlyMap<string, number>
  /** Offsets and bytes of the lines that are no events, as Connect hands them on. */
  readonly invalid: readonly { readonly offset: number; readonly bytes: Uint8Array }[]
  /** By uid: which system has refused an event for ever, and how often it was tried. */
  readonly dead: ReadonlyMap<string, { readonly system: keyof Refused; readonly tries: number }>
  /** By uid: how often each system was tried for an event that it refused at least once. */
  readonly tries: { readonly [system in keyof Refused]: ReadonlyMap<string, number> }
}

/** Connect decodes lines as UTF-8, and what is none becomes U+FFFD. */
const asText = (bytes: Uint8Array): Uint8Array => Buffer.from(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))

/** A FIFO queue takes what comes again, within five minutes, as the same message. */
const once = (events: readonly Event[]): readonly Event[] => {
  const seen = new Set<string>()
  return events.filter(({ uid }) => !seen.has(uid) && seen.add(uid))
}

/** Recomputes what is left where, from what a file says and from what was refused. */
export function recomputeProduction({ rows, queues, counts, invalid }: Recomputed, refused: Refused): Production {
  const isRefused = (system: keyof Refused, uid: string): boolean => (refused[system].get(uid) ?? 0) >= triesMax
  const isStored = ({ uid }: Event): boolean => !isRefused('stored', uid)
  const dead = new Map<string, { readonly system: keyof Refused; readonly tries: number }>()
  for (const [uid, event] of rows) {
    if (isRefused('stored', uid)) dead.set(uid, { system: 'stored', tries: triesMax })
    else if (isRefused('queued', uid)) dead.set(uid, { system: 'queued', tries: triesMax })
    // What can never be taken is not tried again.
    else if (Buffer.byteLength(JSON.stringify(event)) > messageBytesMax) dead.set(uid, { system: 'queued', tries: 1 })
  }
  const triesOf = (of: Refusals): Map<string, number> => new Map([...of].map(([uid, times]) => [uid, Math.min(times + 1, triesMax)]))
  return {
    rows: new Map([...rows].filter(([, event]) => isStored(event))),
    told: new Map([...queues].map(([client, events]) => [client, events.filter(isStored)])),
    queues: new Map([...queues].map(([client, events]) => [client, once(events).filter(({ uid }) => !dead.has(uid))])),
    counts,
    invalid: invalid.map(({ line, bytes }) => ({ offset: line - 1, bytes: asText(bytes) })),
    dead,
    tries: { stored: triesOf(refused.stored), queued: triesOf(refused.queued) },
  }
}
