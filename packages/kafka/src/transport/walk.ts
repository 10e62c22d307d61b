import { readLong } from '@riacho/streams/engine'

/** A walk over an answer, with numbers where the library's reader makes bigints and copies. Lists and texts are compact ones. */
export class Walk {
  at = 0
  readonly frame: Buffer
  constructor(frame: Buffer) {
    this.frame = frame
  }
  int16(): number {
    this.at += 2
    return this.frame.readInt16BE(this.at - 2)
  }
  int32(): number {
    this.at += 4
    return this.frame.readInt32BE(this.at - 4)
  }
  int64(): number {
    this.at += 8
    return readLong(this.frame, this.at - 8)
  }
  varint(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.frame[this.at++]!
      value |= (byte & 127) << shift
      if (byte < 128) return value >>> 0
    }
  }
  tags(): void {
    for (let left = this.varint(); left > 0; left--) {
      this.varint()
      const length = this.varint()
      this.at += length
    }
  }
  /** Null is empty. Each of its items ends with tags. */
  list<Item>(item: () => Item): Item[] {
    const items: Item[] = []
    for (let left = this.varint(); left > 1; left--) {
      items.push(item())
      this.tags()
    }
    return items
  }
  /** Null is empty. */
  text(): string {
    const length = Math.max(this.varint() - 1, 0)
    this.at += length
    return this.frame.utf8Slice(this.at - length, this.at)
  }
  uuid(): string {
    this.at += 16
    const hex = this.frame.toString('hex', this.at - 16, this.at)
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }
}
