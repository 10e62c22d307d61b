import type { Change, Serde, Stream, StreamRecord } from '@riacho/streams'
import type { Case, NodeSpec } from './case.ts'
import { serdeOf } from './serdes.ts'
import { Missing } from './show.ts'

/** A stream of records whose types only the case knows. */
export type Records = Stream<StreamRecord<unknown, unknown>>
/** A table whose types only the case knows. */
export type Changes = Stream<Change<unknown, unknown>>

/** What one node became. */
interface Part {
  readonly drawn: Records | Changes
  /** The key was changed and the records have not been moved since. */
  readonly rekeyed: boolean
}

/** Serdes of a topic that the topology reads or writes. */
export interface TopicSerdes {
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
}

/** The plan while it is drawn: what each node became, and what a reader of the results must know. */
export class Drawing {
  readonly of: Case
  readonly sources = new Map<string, TopicSerdes>()
  /** Written topics. */
  readonly sinks = new Map<string, TopicSerdes>()
  /** Beginnings of written topics whose rest is chosen per record. */
  readonly sinkPrefixes = new Map<string, TopicSerdes>()
  /** Milliseconds of the windows in each window store. */
  readonly windowSizes = new Map<string, number>()
  readonly #parts = new Map<string, Part>()
  readonly #read = new Set<string>()
  readonly #optional = new Set<string>()

  constructor(of: Case) {
    this.of = of
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

  /** The table that a node became. */
  changes(id: string | undefined): Changes {
    return this.#part(id ?? '').drawn as Changes
  }

  /** Whether the node's records must be moved before a keyed operator reads them. */
  rekeyed(id: string | undefined): boolean {
    return this.#part(id ?? '').rekeyed
  }

  /** Remembers what a node became. */
  put(id: string, drawn: Records | Changes, rekeyed = false): void {
    this.#parts.set(id, { drawn, rekeyed })
  }

  /** As `put`, for an output that the plan may leave out when nobody reads it. */
  putOutput(id: string, drawn: Records, rekeyed: boolean): void {
    this.put(id, drawn, rekeyed)
    this.#optional.add(id)
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

/** The serdes that a node gives its records; text where it is silent. */
export const serdesOf = (node: { readonly key?: string | undefined; readonly value?: string | undefined }): TopicSerdes => ({
  key: serdeOf(node.key),
  value: serdeOf(node.value),
})
