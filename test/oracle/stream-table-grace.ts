import { type Given, SegmentedStore } from './versioned.ts'

/** What a record met when it had waited. */
export interface Met {
  readonly met: Given
  readonly row: string | null
}

interface Waits {
  readonly given: Given
  /** Its key's bytes, and behind them its number among all that have waited, in 4 bytes. */
  readonly order: Buffer
}

/**
 * What a join whose records wait `grace` milliseconds hands on: computed from all that came, one record after the other. Records older than that meet their rows at once and
 * move no time; the others leave together by time, key and number, and meet the rows of their times as the table is then.
 */
export function waitedMeetings(input: readonly Given[], retention: number, grace: number): Met[] {
  const table = new SegmentedStore(retention, 5)
  const meet = (given: Given): Met => ({ met: given, row: table.asOf(given.key!, given.at)?.value ?? null })
  let waits: Waits[] = []
  let time = -1
  let count = 0
  return input.flatMap(given => {
    const { key, value, at } = given
    if (key === null) return []
    if (given.table) {
      table.put({ key, value, at })
      return []
    }
    if (value === null) return []
    if (at < time - grace) return [meet(given)]
    time = Math.max(time, at)
    waits.push({ given, order: numbered(key, ++count) })
    const leaving = waits.filter(each => each.given.at <= time - grace)
    waits = waits.filter(each => each.given.at > time - grace)
    return leaving.sort((a, b) => a.given.at - b.given.at || Buffer.compare(a.order, b.order)).map(each => meet(each.given))
  })
}

function numbered(key: string, number: number): Buffer {
  const bytes = Buffer.concat([Buffer.from(key), Buffer.alloc(4)])
  bytes.writeInt32BE(number, bytes.length - 4)
  return bytes
}
