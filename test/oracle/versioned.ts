/** A version as it was put: null deletes. */
export interface Put {
  readonly key: string
  readonly value: string | null
  /** Epoch milliseconds. */
  readonly at: number
}

/** A row and since when it is valid. */
export interface Version {
  readonly value: string
  readonly at: number
}

/** What became of a put. */
export type Outcome = 'latest' | 'older' | 'expired'

/** The puts that a history took, given how far it reaches back from the greatest time before each. */
export function taken(puts: readonly Put[], retention: number): Put[] {
  return puts.filter((put, i) => put.at >= Math.max(-1, ...puts.slice(0, i).map(each => each.at)) - retention)
}

/**
 * The row of a key as of a time, from the list of all puts: the last that was put with the greatest time not beyond it. Beyond the history only the latest row is known.
 * Holds as long as no row is deleted at the very time at which it began.
 */
export function asOf(puts: readonly Put[], retention: number, key: string, at: number): Version | undefined {
  const own = taken(puts, retention).filter(put => put.key === key)
  const latest = lastOf(own)
  const last = lastOf(own.filter(put => put.at <= at))
  const known = at >= Math.max(-1, ...puts.map(each => each.at)) - retention
  if (last === undefined || last.value === null || !(known || last === latest)) return undefined
  return { value: last.value, at: last.at }
}

const lastOf = (puts: readonly Put[]): Put | undefined =>
  puts.reduce<Put | undefined>((a, b) => (a === undefined || b.at >= a.at ? b : a), undefined)

/** Versions whose ends lie in one segment: each lasts until the next, the last until `end`. */
interface Segment {
  readonly id: number
  end: number
  /** The latest first; null is a deletion. */
  versions: { readonly at: number; readonly value: string | null }[]
}

/**
 * A store as Kafka Streams has it on disk (`RocksDBVersionedStore`): the latest rows, and behind them the versions that are over, in segments by the time at which they
 * end. Follows every branch of it, also where what it does is an accident.
 */
export class SegmentedStore {
  readonly #latest = new Map<string, Version>()
  /** By key, the latest segment first. */
  readonly #segments = new Map<string, Segment[]>()
  readonly #retention: number
  readonly #interval: number
  #time = -1

  constructor(retention: number, interval: number) {
    this.#retention = retention
    this.#interval = interval
  }

  latest(key: string): Version | undefined {
    return this.#latest.get(key)
  }

  asOf(key: string, at: number): Version | undefined {
    const latest = this.#latest.get(key)
    if (latest !== undefined && latest.at <= at) return latest
    if (at < this.#time - this.#retention) return undefined
    for (const segment of this.#from(key, at)) {
      if (segment.end <= at) return undefined
      const found = segment.versions.find(version => version.at <= at)
      if (found !== undefined) return found.value === null ? undefined : { value: found.value, at: found.at }
    }
    return undefined
  }

  put({ key, value, at }: Put): Outcome {
    if (at < this.#time - this.#retention) return 'expired'
    this.#time = Math.max(this.#time, at)
    this.#drop()
    const latest = this.#latest.get(key)
    if (latest !== undefined && at >= latest.at) {
      if (at > latest.at) this.#append(key, latest.at, at, latest.value)
      this.#setLatest(key, value, at)
      return 'latest'
    }
    let end = latest?.at
    for (const segment of this.#from(key, at)) {
      if (segment.end <= at) break
      if (segment.versions.at(-1)!.at <= at) {
        this.#within(key, segment, value, at)
        return 'older'
      }
      end = segment.versions.at(-1)!.at
    }
    if (end === undefined) {
      if (value === null) this.#deletion(key, at)
      else this.#setLatest(key, value, at)
      return 'latest'
    }
    this.#before(key, value, at, end)
    return 'older'
  }

  #setLatest(key: string, value: string | null, at: number): void {
    if (value === null) this.#latest.delete(key)
    else this.#latest.set(key, { value, at })
  }

  #id(at: number): number {
    return Math.trunc(at / this.#interval)
  }

  /** Segments of a key that may hold what ends at this time or later, the latest first. */
  #from(key: string, at: number): Segment[] {
    return (this.#segments.get(key) ?? []).filter(segment => segment.id >= this.#id(at))
  }

  #drop(): void {
    const least = this.#id(this.#time - this.#retention)
    for (const [key, segments] of this.#segments)
      this.#segments.set(
        key,
        segments.filter(segment => segment.id >= least),
      )
  }

  #segment(key: string, at: number): Segment | undefined {
    return this.#segments.get(key)?.find(segment => segment.id === this.#id(at))
  }

  #create(key: string, from: number, end: number, value: string | null, id = this.#id(end)): void {
    const all = [...(this.#segments.get(key) ?? []), { id, end, versions: [{ at: from, value }] }]
    this.#segments.set(
      key,
      all.sort((a, b) => b.id - a.id),
    )
  }

  /** A version that is newer than all of its segment. */
  #append(key: string, from: number, end: number, value: string | null): void {
    const segment = this.#segment(key, end)
    if (segment === undefined) this.#create(key, from, end, value)
    else append(segment, from, end, value)
  }

  /** A version in the middle of a segment: the one that it cuts short may belong to an older segment from now on. */
  #within(key: string, segment: Segment, value: string | null, at: number): void {
    const index = segment.versions.findIndex(version => version.at <= at)
    const cut = segment.versions[index]!
    if (cut.at !== at && this.#id(at) !== segment.id) this.#append(key, cut.at, at, cut.value)
    const replaces = cut.at === at || this.#id(at) !== segment.id
    segment.versions.splice(index, replaces ? 1 : 0, { at, value })
  }

  #deletion(key: string, at: number): void {
    const segment = this.#segment(key, at)
    if (segment === undefined) this.#create(key, at, at, null)
    else if (segment.end !== at) append(segment, segment.end, at, null)
  }

  /** A version before one that is known, in the segment in which it ends. */
  #before(key: string, value: string | null, at: number, end: number): void {
    const segment = this.#segment(key, end)
    if (segment === undefined) this.#create(key, at, end, value)
    else if (segment.end <= at) append(segment, at, end, value)
    else if (degenerate(segment)) segment.versions = [{ at, value }]
    else segment.versions.push({ at, value })
  }
}

/** A deletion of which nothing but its time is known. */
const degenerate = ({ end, versions }: Segment): boolean => versions[0]!.at === end

function append(segment: Segment, from: number, end: number, value: string | null): void {
  if (from < segment.end) throw new Error(`a version from ${from} on in a segment that reaches to ${segment.end}`)
  const gap = segment.end === from ? [] : [{ at: segment.end, value: null }]
  segment.versions = [{ at: from, value }, ...gap, ...(degenerate(segment) ? [] : segment.versions)]
  segment.end = end
}

/** A change that a table with a history hands on. */
export interface Told {
  readonly key: string
  readonly value: string | null
  readonly at: number
  /** The latest row before it. */
  readonly previous: string | null
  readonly latest: boolean
}

/** What a table with a history hands on (KIP-914): all that it takes. */
export function changes(puts: readonly Put[], retention: number): Told[] {
  const store = new SegmentedStore(retention, 5)
  return puts.flatMap(put => {
    const previous = store.latest(put.key)?.value ?? null
    const outcome = store.put(put)
    return outcome === 'expired' ? [] : [{ ...put, previous, latest: outcome === 'latest' }]
  })
}

/** A record of the table's topic, or of the stream that meets its rows. */
export interface Given {
  readonly table: boolean
  readonly key: string | null
  readonly value: string | null
  readonly at: number
}

/** What records with a value meet: the row of their key as of their time, as the table is when they come. */
export function meetings(input: readonly Given[], retention: number): { readonly met: Given; readonly row: string | null }[] {
  const store = new SegmentedStore(retention, 5)
  return input.flatMap(given => {
    const { table, key, value, at } = given
    if (table) {
      if (key !== null) store.put({ key, value, at })
      return []
    }
    return value === null ? [] : [{ met: given, row: key === null ? null : (store.asOf(key, at)?.value ?? null) }]
  })
}
