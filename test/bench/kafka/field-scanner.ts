import { json, type Serde } from '@riacho/streams'

/** Names from the outside in. */
type Path = readonly [string, ...string[]]

/** An object of the document in which fields are wanted. */
interface Level {
  /** By name: where its value goes, or the object in which further ones are wanted. */
  readonly names: readonly Buffer[]
  readonly slots: readonly number[]
  readonly levels: readonly (Level | undefined)[]
}

/**
 * Reads some fields of a JSON object from its bytes, without making the rest: `make` is given their values in the order of the paths, and may not keep the list. What it meets seldom (an
 * escape, a character beyond ASCII, a wanted value that is a list or an object, damage) goes to JSON.parse, so that it accepts and refuses the same.
 */
export function scanned<T>(paths: readonly Path[], make: (values: readonly unknown[]) => T): Serde<T> {
  const root = levelOf(paths.map((path, slot) => ({ path, slot })))
  const values: unknown[] = new Array(paths.length)
  const whole = json<unknown>()
  const scanner = new Scanner(values)
  const decodeAt = (frame: Buffer, start: number, end: number): T => {
    values.fill(undefined)
    if (!scanner.object(root, frame, start, end)) pick(whole.decodeAt!(frame, start, end), paths, values)
    return make(values)
  }
  return {
    decodeAt,
    decode: bytes => decodeAt(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.byteLength),
    encode: () => {
      throw new TypeError('a scanner only reads')
    },
  }
}

function levelOf(wanted: readonly { readonly path: readonly string[]; readonly slot: number }[]): Level {
  const byName = [...Map.groupBy(wanted, ({ path }) => path[0]!)]
  return {
    names: byName.map(([name]) => Buffer.from(name)),
    slots: byName.map(([, list]) => (list[0]!.path.length === 1 ? list[0]!.slot : -1)),
    levels: byName.map(([, list]) =>
      list[0]!.path.length === 1 ? undefined : levelOf(list.map(({ path, slot }) => ({ path: path.slice(1), slot }))),
    ),
  }
}

function pick(document: unknown, paths: readonly Path[], values: unknown[]): void {
  paths.forEach((path, slot) => {
    values[slot] = path.reduce<unknown>(
      (at, name) => (typeof at === 'object' && at !== null && Object.hasOwn(at, name) ? (at as Record<string, unknown>)[name] : undefined),
      document,
    )
  })
}

const quote = 0x22
const comma = 0x2c
const depthMax = 64
const exactDigits = 15

/** Walks a document of plain ASCII. Whatever else it meets ends the walk with `false`. */
class Scanner {
  readonly #values: unknown[]
  #b: Buffer = Buffer.alloc(0)
  #p = 0
  #end = 0
  #depth = 0

  constructor(values: unknown[]) {
    this.#values = values
  }

  object(level: Level, frame: Buffer, start: number, end: number): boolean {
    this.#b = frame
    this.#p = start
    this.#end = end
    this.#depth = 0
    return this.#next() === 0x7b && this.#members(level) && this.#next() === -1
  }

  /** The next character that is no space, or -1 at the end. It is passed over. */
  #next(): number {
    while (this.#p < this.#end) {
      const c = this.#b[this.#p++]!
      if (c > 0x20) return c
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return 0
    }
    return -1
  }

  /** After the brace. */
  #members(level: Level | undefined): boolean {
    if (++this.#depth > depthMax) return false
    let c = this.#next()
    if (c === 0x7d) return this.#up()
    for (let guess = 0; ; guess++) {
      if (c !== quote) return false
      const start = this.#p
      if (!this.#string()) return false
      const field = level === undefined ? -1 : this.#fieldOf(level, start, this.#p - 1, guess)
      if (this.#next() !== 0x3a) return false
      if (!(field < 0 ? this.#skip(this.#next()) : this.#take(level!, field))) return false
      c = this.#next()
      if (c === 0x7d) return this.#up()
      if (c !== comma) return false
      c = this.#next()
    }
  }

  #up(): boolean {
    this.#depth--
    return true
  }

  /** Which of the wanted fields a name is, most likely the one at `guess`; -1 if none. */
  #fieldOf({ names }: Level, start: number, end: number, guess: number): number {
    for (let i = 0; i < names.length; i++) {
      const at = (guess + i) % names.length
      if (this.#is(names[at]!, start, end)) return at
    }
    return -1
  }

  #is(name: Buffer, start: number, end: number): boolean {
    if (name.length !== end - start) return false
    for (let i = 0; i < name.length; i++) if (name[i] !== this.#b[start + i]) return false
    return true
  }

  #take(level: Level, field: number): boolean {
    const below = level.levels[field]
    const c = this.#next()
    if (below !== undefined) return c === 0x7b && this.#members(below)
    const start = this.#p
    let value: unknown
    if (c === quote) {
      if (!this.#string()) return false
      value = this.#b.latin1Slice(start, this.#p - 1)
    } else if (c === 0x2d || (c >= 0x30 && c <= 0x39)) {
      if (!this.#number(c)) return false
      value = this.#valueOf(start - 1)
    } else {
      if (!this.#literal(c)) return false
      value = c === 0x74 ? true : c === 0x66 ? false : null
    }
    this.#values[level.slots[field]!] = value
    return true
  }

  /** After the quote. */
  #string(): boolean {
    const b = this.#b
    const end = this.#end
    for (let p = this.#p; p < end; p++) {
      const c = b[p]!
      if (c === quote) {
        this.#p = p + 1
        return true
      }
      if (c < 0x20 || c === 0x5c || c > 0x7e) return false
    }
    return false
  }

  /** The number from `start` to here. */
  #valueOf(start: number): number {
    const b = this.#b
    const end = this.#p
    if (end - start > exactDigits) return Number(b.latin1Slice(start, end))
    let value = 0
    for (let p = start; p < end; p++) {
      const digit = b[p]! - 0x30
      if (digit < 0 || digit > 9) return Number(b.latin1Slice(start, end))
      value = value * 10 + digit
    }
    return value
  }

  /** After its first character. */
  #number(first: number): boolean {
    const b = this.#b
    let p = this.#p
    const c = first === 0x2d ? b[p++]! : first
    if (c === 0x30) this.#p = p
    else if (c < 0x31 || c > 0x39 || p > this.#end) return false
    else this.#digits(p)
    p = this.#p
    if (p < this.#end && b[p] === 0x2e && this.#digits(p + 1) === p + 1) return false
    p = this.#p
    if (p < this.#end && (b[p]! | 0x20) === 0x65) {
      const sign = b[p + 1] === 0x2b || b[p + 1] === 0x2d ? 1 : 0
      if (this.#digits(p + 1 + sign) === p + 1 + sign) return false
    }
    return true
  }

  #digits(from: number): number {
    let p = from
    while (p < this.#end && this.#b[p]! >= 0x30 && this.#b[p]! <= 0x39) p++
    this.#p = p
    return p
  }

  #literal(c: number): boolean {
    const rest = c === 0x74 ? 'rue' : c === 0x66 ? 'alse' : c === 0x6e ? 'ull' : undefined
    if (rest === undefined || this.#p + rest.length > this.#end) return false
    for (let i = 0; i < rest.length; i++) if (this.#b[this.#p++] !== rest.charCodeAt(i)) return false
    return true
  }

  /** Passes over a value that nobody wants. */
  #skip(c: number): boolean {
    if (c === quote) return this.#string()
    if (c === 0x7b) return this.#members(undefined)
    if (c === 0x5b) return this.#items()
    if (c === 0x2d || (c >= 0x30 && c <= 0x39)) return this.#number(c)
    return this.#literal(c)
  }

  /** After the bracket. */
  #items(): boolean {
    if (++this.#depth > depthMax) return false
    let c = this.#next()
    if (c === 0x5d) return this.#up()
    for (;;) {
      if (!this.#skip(c)) return false
      c = this.#next()
      if (c === 0x5d) return this.#up()
      if (c !== comma) return false
      c = this.#next()
    }
  }
}
