const dateTime = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.\d+)?(?:([Zz])|([+-])(\d\d):(\d\d))$/

const daysOf = (year: number, month: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate()

/** Epoch milliseconds (the fraction cut, not rounded) of an RFC 3339 date and time; undefined when the text is none. */
export function epochOf(text: string): number | undefined {
  const found = dateTime.exec(text)
  if (found === null) return undefined
  const part = (group: number): number => Number(found[group] ?? 0)
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)] as const
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return undefined
  if (hour > 23 || minute > 59 || second > 60 || part(10) > 23 || part(11) > 59) return undefined
  const away = (found[9] === '-' ? -1 : 1) * (part(10) * 60 + part(11)) * 60_000
  const time = Date.UTC(year, month - 1, day, hour, minute, second) - away + Math.floor(Number(`0${found[7] ?? '.0'}`) * 1000)
  return second === 60 && !afterLeapSecond(time) ? undefined : time
}

/** A leap second is the last one of a day in UTC: the count without it is already at midnight. */
const afterLeapSecond = (time: number): boolean => time - (time % 1000) === Math.floor(time / 86_400_000) * 86_400_000
