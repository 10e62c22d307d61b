import { type Datum, isWindowed, Missing, num, show } from './show.ts'

/** A function of a key and a value, as FORMAT.md section 5 has them. */
export type OfRecord<R> = (key: Datum, value: Datum) => R
/** An aggregator: the key, the value and the aggregate so far. */
export type Adder = (key: Datum, value: Datum, sum: Datum) => Datum
/** A reducer: the older value and the newer one. */
export type Combine = (older: Datum, newer: Datum) => Datum
type Table<F> = Readonly<Record<string, (argument: string) => F>>

/** Makes functions from `name` or `name:ARGUMENT`; a name that nobody knows is {@link Missing}. */
function from<F>(kind: string, table: Table<F>): (text: string) => F {
  return text => {
    const colon = text.indexOf(':')
    const name = colon < 0 ? text : text.slice(0, colon)
    const make = Object.hasOwn(table, name) ? table[name] : undefined
    if (make === undefined) throw new Missing(`${kind} ${name}`)
    return make(colon < 0 ? '' : text.slice(colon + 1))
  }
}

const notNull = (value: Datum): boolean => value !== null && value !== undefined
/** Null stays null; anything else is mapped. */
const over =
  (map: (value: Datum) => Datum): OfRecord<Datum> =>
  (_key, value) =>
    notNull(value) ? map(value) : null
const firstUnit = (value: Datum): string | null => (notNull(value) && show(value) !== '' ? show(value).charAt(0) : null)
const joined = (value: Datum, sum: Datum): string => (sum === null || sum === '' ? show(value) : `${show(sum)}+${show(value)}`)
const sizeOf = (value: Datum): number => (notNull(value) ? show(value).length : 0)

/** Predicates of (key, value). */
export const predicate = from<OfRecord<boolean>>('predicate', {
  lengthOver: n => (_, v) => notNull(v) && show(v).length > Number(n),
  startsWith: x => (_, v) => notNull(v) && show(v).startsWith(x),
  contains: x => (_, v) => notNull(v) && show(v).includes(x),
  evenLength: () => (_, v) => notNull(v) && show(v).length % 2 === 0,
  over: n => (_, v) => notNull(v) && num(v) > Number(n),
  isNull: () => (_, v) => !notNull(v),
  notNull: () => (_, v) => notNull(v),
  keyIs: x => k => notNull(k) && show(k) === x,
  keyNotNull: () => k => notNull(k),
  always: () => () => true,
  never: () => () => false,
})

/** Value mappers of (key, value). */
export const valueMapper = from<OfRecord<Datum>>('value mapper', {
  identity: () => (_, v) => v,
  upper: () => over(v => show(v).toUpperCase()),
  append: x => over(v => show(v) + x),
  length: () => over(v => show(v).length),
  toString: () => over(show),
  times: n => over(v => num(v) * Number(n) + 0),
  toDouble: () => over(v => num(v) / 4),
  toInteger: () => over(v => num(v) | 0),
  parseLong: () => over(v => (/^-?[0-9]{1,15}$/.test(show(v)) ? Number(show(v)) + 0 : null)),
  show: () => (_, v) => show(v),
  nullIfStartsWith: x => over(v => (show(v).startsWith(x) ? null : v)),
  constNull: () => () => null,
  keyColonValue: () => (k, v) => `${show(k)}:${show(v)}`,
})

/** Key selectors of (key, value). */
export const keySelector = from<OfRecord<Datum>>('key selector', {
  key: () => k => k,
  value: () => over(show),
  valueFirstChar: () => (_, v) => firstUnit(v),
  keyFirstChar: () => k => firstUnit(k),
  keyPlus: x => k => show(k) + x,
  nullKey: () => () => null,
  beforeColon: () => over(v => (show(v).includes(':') ? show(v).slice(0, show(v).indexOf(':')) : null)),
  lengthKey: () => over(v => String(show(v).length)),
  lengthLong: () => over(v => show(v).length),
  windowLabel: () => k => show(k),
  unwindow: () => k => (isWindowed(k) ? (k.key as Datum) : null),
  windowStart: () => k => (isWindowed(k) ? k.start : null),
})

/** One value to any number of values. */
export const flatValueMapper = from<OfRecord<readonly Datum[]>>('flat value mapper', {
  words: () => (_, v) => (notNull(v) ? show(v).split(' ').filter(Boolean) : []),
  repeat: n => (_, v) => (notNull(v) ? Array.from({ length: Number(n) }, (_, i) => `${show(v)}#${i}`) : []),
})

/** One record to any number of [key, value]. */
export const flatMapper = from<OfRecord<readonly (readonly [Datum, Datum])[]>>('flat mapper', {
  charsAsKeys: () => (_, v) =>
    notNull(v)
      ? show(v)
          .split('')
          .map((unit, i) => [unit, `${show(v)}#${i}`] as const)
      : [],
  echoAndNull: () => (k, v) => [[k, v] as const, [k, null] as const],
})

/** Initial values of aggregates. */
export const initial = from<() => Datum>('initial value', {
  empty: () => () => '',
  zero: () => () => 0,
  null: () => () => null,
  lit: x => () => x,
})

const nullAtZero = (total: number): number | null => (total === 0 ? null : total)

/** Aggregators. */
export const aggregator = from<Adder>('aggregator', {
  concat: () => (_, v, a) => joined(v, a),
  concatMinus: () => (_, v, a) => `${a === null ? '' : show(a)}-${show(v)}`,
  concatTag: x => (_, v, a) => joined(x + show(v), a),
  concatNullOn: x => (_, v, a) => (notNull(v) && show(v).startsWith(x) ? null : joined(v, a)),
  sum: () => (_, v, a) => num(a) + num(v),
  minus: () => (_, v, a) => num(a) - num(v),
  sumLength: () => (_, v, a) => num(a) + sizeOf(v),
  minusLength: () => (_, v, a) => num(a) - sizeOf(v),
  sumNullAtZero: () => (_, v, a) => nullAtZero(num(a) + num(v)),
})

const greater = (a: Datum, b: Datum): boolean => (typeof a === 'number' ? num(b) > a : show(b) > show(a))
const sameStart = (a: Datum, b: Datum): boolean => show(b) !== '' && show(a).startsWith(show(b).charAt(0))

/** Reducers. */
export const reducer = from<Combine>('reducer', {
  max: () => (a, b) => (greater(a, b) ? b : a),
  join: () => (a, b) => `${show(a)}+${show(b)}`,
  cut: () => (a, b) => `${show(a)}-${show(b)}`,
  first: () => a => a,
  last: () => (_, b) => b,
  sum: () => (a, b) => num(a) + num(b),
  minus: () => (a, b) => num(a) - num(b),
  nullIfSameStart: () => (a, b) => (sameStart(a, b) ? null : `${show(a)}+${show(b)}`),
})

const pair = (left: Datum, right: Datum): string => `(${show(left)},${show(right)})`

/** Joiners of (key, left, right). */
export const joiner = from<(key: Datum, left: Datum, right: Datum) => Datum>('joiner', {
  pair: () => (_, l, r) => pair(l, r),
  pairWithKey: () => (k, l, r) => `${show(k)}:${pair(l, r)}`,
  pairNullIfRight: x => (_, l, r) => (notNull(r) && show(r).startsWith(x) ? null : pair(l, r)),
  sum: () => (_, l, r) => num(l) + num(r),
  left: () => (_, l) => l,
})

/** Mergers of (key, earlier, later). */
export const merger = from<(key: Datum, a: Datum, b: Datum) => Datum>('merger', {
  concatMerge: () => (_, a, b) => (a === null || a === '' ? b : b === null || b === '' ? a : `${show(a)}&${show(b)}`),
  sum: () => (_, a, b) => num(a) + num(b),
})

/** The integer after the last "@" of the value, else the record's own timestamp. */
export function timestampAfterAt(value: Datum, record: { readonly timestamp: number }): number {
  const text = notNull(value) ? show(value) : ''
  const found = /^-?[0-9]{1,12}$/.exec(text.slice(text.lastIndexOf('@') + 1))
  return text.includes('@') && found !== null ? Number(found[0]) + 0 : record.timestamp
}
