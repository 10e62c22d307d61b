import { type Change, type Serde, type Stream, type StreamRecord, selectKey } from '@riacho/streams'
import type { Case, NodeSpec } from './case.ts'
import { keySelector } from './functions.ts'
import { serdeOf } from './serdes.ts'
import { type Datum, Missing, type Some } from './show.ts'

/** A record as the functions of a case see it. */
export type Message = StreamRecord<Datum, Datum>
/** A stream of records whose types only the case knows. */
export type Records = Stream<Message>
/** A table whose types only the case knows. */
export type Changes = Stream<Change<Datum, Some>>

/** What one node became. */
interface Part {
  readonly drawn: Records | Changes
  /** The key was changed and the records have not been moved since. */
  readonly scattered: boolean
}

/** Serdes of a topic that the topology reads or writes. */
export interface TopicSerdes {
  readonly key: Serde<Some>
  readonly value: Serde<Some>
}

/** The plan while it is drawn: what each node became, and what a reader of the results must know. */
export class Drawing {
  readonly of: Case
  readonly rowsNeeded: ReadonlySet<string>
  readonly sources = new Map<string, TopicSerdes>()
  /** Written topics. */
  readonly sinks = new Map<string, TopicSerdes>()
  /** Beginnings of written topics whose rest is chosen per record. */
  readonly sinkPrefixes = new Map<string, TopicSerdes>()
  /** Milliseconds of the windows in each window store. */
  readonly windowSizes = new Map<string, number>()
  readonly #parts = new Map<string, Part>()
  readonly #stores = new Map<string, unknown>()
  readonly #read = new Set<string>()
  readonly #optional = new Set<string>()

  /** `rowsNeeded`: nodes that the case gives no store, whose rows somebody reads. */
  constructor(of: Case, rowsNeeded: ReadonlySet<string>) {
    this.of = of
    this.rowsNeeded = rowsNeeded
  }

  #part(id: string): Part {
    const part = this.#parts.get(id)
    if (part === undefined) throw new Error(`${id} is read before it is drawn`)
    this.#read.add(id)
    return part
  }

  /** The stream that a node became. */
  records(id: string | undefined): Records {
    return this.#part(id ?? '').drawn as Records
  }

  /** The stream that a node reads: its parent's, or what the parent forwards to this node alone. */
  input(node: NodeSpec): Records {
    const from = node.from[0] ?? ''
    return this.#parts.has(`${from}>${node.id}`) ? this.records(`${from}>${node.id}`) : this.records(from)
  }

  /** The table that a node became. */
  changes(id: string | undefined): Changes {
    return this.#part(id ?? '').drawn as Changes
  }

  /** Whether the node's records must be moved before a keyed operator reads them. */
  scattered(id: string | undefined): boolean {
    return this.#part(id ?? '').scattered
  }

  /** Remembers what a node became. */
  put(id: string, drawn: Records | Changes, scattered = false): void {
    this.#parts.set(id, { drawn, scattered })
  }

  /** As `put`, for an output that the plan may leave out when nobody reads it. */
  putOutput(id: string, drawn: Records, scattered: boolean): void {
    this.put(id, drawn, scattered)
    this.#optional.add(id)
  }

  /** A node that forwards to children by their ids; a child that is not among them gets nothing. */
  putChildren(id: string, parent: Records, children: Readonly<Record<string, Records>>): void {
    this.put(id, parent, true)
    this.#optional.add(id)
    for (const [child, drawn] of Object.entries(children)) this.putOutput(`${id}>${child}`, drawn, true)
  }

  /** The store of this name, made by the first who asks. */
  store<S>(name: string, make: () => S): S {
    const known = this.#stores.get(name)
    if (known === undefined) this.#stores.set(name, make())
    return this.#stores.get(name) as S
  }

  /** Everything that nobody reads. */
  ends(): (Records | Changes)[] {
    const ends = [...this.#parts].filter(([id]) => !this.#read.has(id) && !this.#optional.has(id))
    return ends.map(([, part]) => part.drawn)
  }
}

/** Draws one node. */
export type Draw = (node: NodeSpec, drawing: Drawing) => void

/** A field that must be text. */
export function field(node: NodeSpec, name: string): string {
  const value = node[name]
  if (typeof value !== 'string') throw new Missing(`${node.op} without ${name}`)
  return value
}

/** Chooses a new key by name of the selector. The serde of the new key is said where the records are moved or written. */
export function choosing(selector: string) {
  const by = keySelector(selector)
  return selectKey((value: Datum, record: Message) => by(record.key, value) as string | null)
}

/** The serdes that a node gives its records; text where it is silent. */
export const serdesOf = (node: { readonly key?: string | undefined; readonly value?: string | undefined }): TopicSerdes => ({
  key: serdeOf(node.key),
  value: serdeOf(node.value),
})
