/** What lanes need to know of an entry: its place in the input, and its lane; null is a lane of its own. */
export interface LaneEntry {
  readonly n: number
  readonly lane: string | number | null
}

interface Lane<E> {
  waiting: E[]
  busy: boolean
}

/**
 * Entries that wait for work, by lane: those of a lane leave in their order, and none while another of that lane is at work. A lane's waiting entries are either
 * all ready or all blocked, so nothing that comes later can pass them.
 */
export class Lanes<E extends LaneEntry> {
  /** Entries that could start now. */
  ready = 0
  readonly #lanes = new Map<string | number, Lane<E>>()
  /** Lanes with ready entries, the one with the oldest entry first: others may wait for the result of that one. */
  #queue: Lane<E>[] = []
  /** Lanes of the queue that have been taken already. */
  #taken = 0

  add(entry: E): void {
    const lane = this.#laneOf(entry)
    lane.waiting.push(entry)
    if (lane.busy) return
    this.ready++
    if (lane.waiting.length === 1) this.#queue.push(lane)
  }

  /** At most `max` ready entries, in input order; their lanes are at work from now on. */
  next(max: number): readonly E[] {
    const batch: E[] = []
    while (batch.length < max && this.#taken < this.#queue.length) {
      const lane = this.#queue[this.#taken++]!
      const { waiting } = lane
      const room = max - batch.length
      lane.busy = true
      lane.waiting = waiting.length > room ? waiting.slice(room) : []
      this.ready -= waiting.length
      for (let i = 0; i < waiting.length && i < room; i++) batch.push(waiting[i]!)
    }
    if (this.#taken * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#taken)
      this.#taken = 0
    }
    return batch.sort((a, b) => a.n - b.n)
  }

  /** Entries that were taken and not worked on wait again, before what came later. Call it before their lanes are released. */
  putBack(entries: readonly E[]): void {
    for (const entry of entries.toReversed()) {
      const lane = this.#laneOf(entry)
      lane.waiting.unshift(entry)
      if (lane.busy) continue
      // A null lane: nothing is ever at work in it.
      this.ready++
      this.#enqueue(lane)
    }
  }

  /** The work on these entries has ended: what waited for their lanes is ready. Lanes of the entries in `still` stay at work. */
  release(batch: readonly E[], still: readonly E[] = []): void {
    const busy = still.length === 0 ? undefined : new Set(still.map(entry => entry.lane))
    for (const { lane: name } of batch) {
      if (busy?.has(name)) continue
      const lane = name === null ? undefined : this.#lanes.get(name)
      if (lane === undefined || !lane.busy) continue
      lane.busy = false
      this.ready += lane.waiting.length
      if (lane.waiting.length > 0) this.#enqueue(lane)
      else this.#lanes.delete(name!)
    }
  }

  clear(): void {
    this.#lanes.clear()
    this.#queue = []
    this.#taken = 0
    this.ready = 0
  }

  #enqueue(lane: Lane<E>): void {
    const { n } = lane.waiting[0]!
    let from = this.#taken
    let to = this.#queue.length
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.#queue[middle]!.waiting[0]!.n < n) from = middle + 1
      else to = middle
    }
    if (from === this.#taken && from > 0) this.#queue[--this.#taken] = lane
    else this.#queue.splice(from, 0, lane)
  }

  #laneOf({ lane: name }: E): Lane<E> {
    const found = name === null ? undefined : this.#lanes.get(name)
    if (found !== undefined) return found
    const lane: Lane<E> = { waiting: [], busy: false }
    if (name !== null) this.#lanes.set(name, lane)
    return lane
  }
}

/** The lane of a record with this key. */
export function laneOf(key: unknown): string | number | null {
  if (key === null || key === undefined) return null
  return typeof key === 'string' || typeof key === 'number' ? key : typeof key === 'bigint' ? `${key}n` : textOf(key)
}

/** JSON, with integers of any size besides. */
function textOf(key: unknown): string {
  try {
    return JSON.stringify(key)
  } catch {
    return JSON.stringify(key, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part))
  }
}
