import avsc, { type ForSchemaOptions, type Schema, type Type, type types } from 'avsc'

const dayMs = 86_400_000

/** `date` of `int`: text as `2026-11-21`, the days of which no time zone makes others. */
class DateText extends avsc.types.LogicalType {
  protected override _fromValue(days: number): string {
    const text = new Date(days * dayMs).toISOString()
    return text.slice(0, text.indexOf('T'))
  }

  protected override _toValue(text: string): number {
    const time = /^[+-]?\d{4,6}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
    // The calendar has no 30th of February: a date that comes back otherwise is none.
    if (Number.isNaN(time) || this._fromValue(time / dayMs) !== text) throw new RangeError(`'${text}' is no date such as 2026-11-21`)
    return time / dayMs
  }

  protected override _resolve(type: Type): ((value: never) => string) | undefined {
    return resolved(this, type, 'int')
  }
}

/** Most digits of a decimal: how long turning it into text takes grows with their square. */
export const precisionMax = 1000

interface DecimalSchema {
  readonly precision: number
  readonly scale?: number
}

/** `decimal` of `bytes` or `fixed`: text as `-12.30` with all digits of its scale, because no number of JavaScript holds it. */
class DecimalText extends avsc.types.LogicalType {
  readonly precision: number
  readonly scale: number
  readonly #bytes: number
  readonly #size: number | undefined

  constructor(schema: Schema, options?: object) {
    super(schema, options)
    const { precision, scale = 0 } = schema as unknown as DecimalSchema
    if (!(Number.isInteger(precision) && precision > 0 && precision <= precisionMax))
      throw new RangeError(`a decimal's precision is 1 to ${precisionMax}, not ${precision}`)
    if (!(Number.isInteger(scale) && scale >= 0 && scale <= precision))
      throw new RangeError(`a decimal's scale is 0 to its precision, not ${scale}`)
    this.precision = precision
    this.scale = scale
    this.#size = (this.underlyingType as types.FixedType).size
    this.#bytes = this.#size ?? Math.ceil((precision * Math.log2(10) + 1) / 8)
  }

  protected override _fromValue(bytes: Buffer): string {
    if (bytes.length > this.#bytes) throw new RangeError(`a decimal of ${bytes.length} bytes has more than ${this.precision} digits`)
    const unscaled = bytes.length === 0 ? 0n : BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`))
    const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(this.scale + 1, '0')
    if (digits.length > Math.max(this.precision, this.scale + 1)) throw new RangeError(`a decimal has more than ${this.precision} digits`)
    const point = digits.length - this.scale
    const sign = unscaled < 0n ? '-' : ''
    return this.scale === 0 ? sign + digits : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
  }

  protected override _toValue(text: string): Buffer {
    const parts = typeof text === 'string' && text.length <= precisionMax + 3 ? /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(text) : null
    if (parts === null)
      throw new RangeError(`a decimal is text such as '-12.30', not ${typeof text === 'string' ? `'${text}'` : typeof text}`)
    const [, sign, whole, fraction = ''] = parts
    // Nothing is rounded: zeros may be missing or too many, other digits not.
    if (fraction.length > this.scale && !/^0*$/.test(fraction.slice(this.scale)))
      throw new RangeError(`'${text}' has more than ${this.scale} digits after the point: round it`)
    const digits = whole! + fraction.slice(0, this.scale).padEnd(this.scale, '0')
    if (digits.replace(/^0+/, '').length > this.precision) throw new RangeError(`'${text}' has more than ${this.precision} digits`)
    return twosComplement(sign === '-' ? -BigInt(digits) : BigInt(digits), this.#size)
  }

  protected override _resolve(type: Type): ((value: never) => string) | undefined {
    if (type instanceof DecimalText) return type.scale === this.scale && type.precision <= this.precision ? same : undefined
    return resolved(this, type, 'bytes', 'fixed')
  }

  protected override _export(attributes: Schema): void {
    Object.assign(attributes, { precision: this.precision, scale: this.scale })
  }
}

/** The shortest bytes, as Java's `BigInteger` writes them, or these many. */
function twosComplement(value: bigint, size: number | undefined): Buffer {
  let length = size ?? 1
  if (size === undefined) while (BigInt.asIntN(length * 8, value) !== value) length++
  else if (BigInt.asIntN(size * 8, value) !== value) throw new RangeError(`a decimal does not fit ${size} bytes`)
  return Buffer.from(
    BigInt.asUintN(length * 8, value)
      .toString(16)
      .padStart(length * 2, '0'),
    'hex',
  )
}

/** `uuid`: text, also of `fixed` 16. */
class UuidText extends avsc.types.LogicalType {
  readonly #isText: boolean

  constructor(schema: Schema, options?: object) {
    super(schema, options)
    this.#isText = this.underlyingType.typeName === 'string'
    if (!this.#isText && (this.underlyingType as types.FixedType).size !== 16) throw new RangeError('a uuid is a string or 16 bytes')
  }

  protected override _fromValue(value: string | Buffer): string {
    if (typeof value === 'string') return value
    const hex = value.toString('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  protected override _toValue(text: string): string | Buffer {
    if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text)) throw new RangeError(`'${text}' is no UUID`)
    return this.#isText ? text : Buffer.from(text.replaceAll('-', ''), 'hex')
  }

  protected override _resolve(type: Type): ((value: never) => string) | undefined {
    return resolved(this, type, 'string', 'fixed')
  }
}

const same = (value: never): string => value

/** What reads a writer's type as this one: the same logical type has been turned already, the type below it has not. */
function resolved(own: types.LogicalType, type: Type, ...below: readonly string[]): ((value: never) => string) | undefined {
  if (type instanceof avsc.types.LogicalType) return type.constructor === own.constructor ? same : undefined
  const turn = own as unknown as { _fromValue(value: never): string }
  return below.includes(type.typeName) ? value => turn._fromValue(value) : undefined
}

/**
 * Logical types that become text: values then pass through JSON, as state does, and come out the same. Times are numbers as they are: milliseconds of `timestamp-millis`,
 * microseconds of `timestamp-micros`.
 */
export const logicalTypes: ForSchemaOptions['logicalTypes'] = { date: DateText, decimal: DecimalText, uuid: UuidText }
