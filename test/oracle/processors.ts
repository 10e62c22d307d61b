/** A record of the stream. */
export interface Given {
  readonly key: string | null
  readonly value: string
  readonly at: number
}

/** What must come out: key, value, time. */
export type Wanted = readonly (readonly [string | null, string, number])[]

/** Each value with the number of records of its key so far, by counting them anew; a record without a key as it is. */
export const numbered = (input: readonly Given[]): Wanted =>
  input.map(({ key, value, at }, i) => {
    const before = input.slice(0, i + 1).filter(each => each.key === key)
    return [key, key === null ? value : `${before.length}:${value}`, at]
  })

/** The records whose value is not that of the last record of their key, on whichever of both ways that was seen: even values go one way, odd ones the other. */
export const changed = (input: readonly Given[], even: boolean): Wanted =>
  input.flatMap(({ key, value, at }, i) => {
    const last = input.slice(0, i).findLast(each => each.key === key)
    const goes = (value.length % 2 === 0) === even
    return key === null || last?.value === value || !goes ? [] : [[key, value, at]]
  })
