/** Kafka Streams hashes foreign keys' left values with this (`Murmur3.DEFAULT_SEED`). */
const seed = 104729

/** A 64-bit word in two halves: JavaScript's BigInt would allocate at every step. */
class Word {
  high = 0
  low = 0

  add(high: number, low: number): this {
    const sum = (this.low >>> 0) + (low >>> 0)
    this.high = (this.high + high + (sum > 0xffff_ffff ? 1 : 0)) | 0
    this.low = sum | 0
    return this
  }

  xor(high: number, low: number): this {
    this.high ^= high
    this.low ^= low
    return this
  }

  /** Modulo 2^64. */
  multiply(high: number, low: number): this {
    const a0 = this.low & 0xffff
    const a1 = this.low >>> 16
    const b0 = low & 0xffff
    const b1 = low >>> 16
    const middle = a1 * b0 + ((a0 * b0) >>> 16)
    const carry = (middle >>> 16) + ((a0 * b1 + (middle & 0xffff)) >>> 16)
    this.high = (a1 * b1 + carry + Math.imul(this.low, high) + Math.imul(this.high, low)) | 0
    this.low = Math.imul(this.low, low)
    return this
  }

  /** By 1 to 31 bits. */
  rotate(bits: number): this {
    const { high, low } = this
    this.high = (high << bits) | (low >>> (32 - bits))
    this.low = (low << bits) | (high >>> (32 - bits))
    return this
  }

  swap(): this {
    const { high } = this
    this.high = this.low
    this.low = high
    return this
  }

  /** `fmix64` */
  finish(): this {
    this.xor(0, this.high >>> 1).multiply(0xff51afd7, 0xed558ccd)
    this.xor(0, this.high >>> 1).multiply(0xc4ceb9fe, 0x1a85ec53)
    return this.xor(0, this.high >>> 1)
  }

  /** 8 bytes little-endian; those beyond the end are 0. */
  read(data: Uint8Array, at: number): this {
    this.low = (data[at] ?? 0) | ((data[at + 1] ?? 0) << 8) | ((data[at + 2] ?? 0) << 16) | ((data[at + 3] ?? 0) << 24)
    this.high = (data[at + 4] ?? 0) | ((data[at + 5] ?? 0) << 8) | ((data[at + 6] ?? 0) << 16) | ((data[at + 7] ?? 0) << 24)
    return this
  }

  /** 8 bytes big-endian as latin1 text. */
  text(): string {
    const { high, low } = this
    return (
      String.fromCharCode(high >>> 24, (high >>> 16) & 255, (high >>> 8) & 255, high & 255) +
      String.fromCharCode(low >>> 24, (low >>> 16) & 255, (low >>> 8) & 255, low & 255)
    )
  }
}

const mixFirst = (k: Word): Word => k.multiply(0x87c37b91, 0x114253d5).rotate(31).multiply(0x4cf5ad43, 0x2745937f)
const mixSecond = (k: Word): Word => k.multiply(0x4cf5ad43, 0x2745937f).swap().rotate(1).multiply(0x87c37b91, 0x114253d5)

/** The 128-bit hash of a value's bytes (Kafka Streams: `Murmur3.hash128`) as 16 characters of latin1, which compare and are kept as one string. */
export function murmur3(data: Uint8Array): string {
  const first = new Word().add(0, seed)
  const second = new Word().add(0, seed)
  const k = new Word()
  const { length } = data
  const blocks = length & ~15
  for (let at = 0; at < blocks; at += 16) {
    mixFirst(k.read(data, at))
    first.xor(k.high, k.low).rotate(27).add(second.high, second.low).multiply(0, 5).add(0, 0x52dce729)
    mixSecond(k.read(data, at + 8))
    second.xor(k.high, k.low).rotate(31).add(first.high, first.low).multiply(0, 5).add(0, 0x38495ab5)
  }
  if (blocks < length) {
    mixSecond(k.read(data, blocks + 8))
    second.xor(k.high, k.low)
    mixFirst(k.read(data, blocks))
    first.xor(k.high, k.low)
  }
  first.xor(0, length)
  second.xor(0, length)
  first.add(second.high, second.low)
  second.add(first.high, first.low)
  first.finish()
  second.finish()
  first.add(second.high, second.low)
  second.add(first.high, first.low)
  return first.text() + second.text()
}
