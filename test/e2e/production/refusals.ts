import type { Refusals, Refused } from '../../oracle/production.ts'

/** Of how many events one is refused. */
export interface RefusalPlan {
  /** A few times: 1, 2, 3 or 5. */
  readonly fewOf: number
  /** Always. */
  readonly alwaysOf: number
}

const fewTimes = [1, 2, 3, 5]

/** Which of these events are refused, where and how often: half of them where they are stored, half where they are queued. */
export function chooseRefusals(uids: Iterable<string>, { fewOf, alwaysOf }: RefusalPlan): Refused {
  const refused = { stored: new Map<string, number>(), queued: new Map<string, number>() }
  const systems = [refused.stored, refused.queued]
  let i = 0
  for (const uid of uids) {
    const few = Math.floor(i / fewOf)
    if (i % alwaysOf === 7) systems[Math.floor(i / alwaysOf) % 2]!.set(uid, Number.POSITIVE_INFINITY)
    else if (i % fewOf === 3) systems[few % 2]!.set(uid, fewTimes[(few >> 1) % fewTimes.length]!)
    i++
  }
  return refused
}

/** A try of an event at a system: when (milliseconds), and what it says of itself. */
export interface Try {
  readonly at: number
  readonly retryCount: string | undefined
}

/** Stands in a system's way: counts what is tried, and refuses what it is told to. */
export class Refuser {
  /** By uid: tries so far. */
  readonly tries = new Map<string, Try[]>()
  readonly #times: Refusals

  constructor(times: Refusals) {
    this.#times = times
  }

  /** Tells of a try. Returns whether it is refused. */
  refuses(uid: string, retryCount?: string): boolean {
    const tries = this.tries.get(uid) ?? []
    tries.push({ at: performance.now(), retryCount })
    this.tries.set(uid, tries)
    return tries.length <= (this.#times.get(uid) ?? 0)
  }
}

const uidPattern = /[0-9a-f]{8}-[0-9a-f]{8}/

/** The uid of an event in a prepared statement; undefined in one that writes no event. */
export const uidOfStatement = (statement: Buffer): string | undefined => uidPattern.exec(statement.toString('latin1'))?.[0]

interface SqsEntry {
  readonly MessageBody: string
  readonly MessageAttributes?: Readonly<Record<string, { readonly StringValue: string }>>
}

/** The events of a request to SQS, each with its `RetryCount`. */
export function entriesOf(body: string): readonly (readonly [uid: string, retryCount: string | undefined])[] {
  const { Entries = [] } = JSON.parse(body) as { readonly Entries?: readonly SqsEntry[] }
  return Entries.map(({ MessageBody, MessageAttributes }) => [
    (JSON.parse(MessageBody) as { readonly uid: string }).uid,
    MessageAttributes?.RetryCount?.StringValue,
  ])
}
