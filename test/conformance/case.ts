import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Datum } from './show.ts'

/** A key selector and the serdes and name of what is grouped (FORMAT.md section 4). */
export interface GroupSpec {
  readonly name: string
  readonly by?: string | null
  readonly key?: string
  readonly value?: string
  readonly mapValue?: string
}

/** A window of a case; which fields there are depends on the type. */
export interface WindowSpec {
  readonly type: string
  readonly sizeMs: number
  readonly advanceMs: number
  readonly diffMs: number
  readonly gapMs: number
  readonly graceMs: number
}

/** A store that a processor declares. */
export interface ProcessorStore {
  readonly kind: string
  readonly name: string
  readonly retentionMs: number
  readonly sizeMs: number
  readonly key: string
  readonly value: string
}

/** One node of a case's topology; which optional fields there are depends on `op` (FORMAT.md section 4). */
export interface NodeSpec {
  readonly id: string
  readonly op: string
  readonly from: readonly string[]
  readonly group?: GroupSpec
  readonly window?: WindowSpec
  readonly store?: string | null
  readonly retentionMs?: number
  readonly topic?: string
  readonly topics?: readonly string[]
  readonly partitions?: number
  readonly key?: string
  readonly value?: string
  readonly branches?: readonly { readonly name: string; readonly predicate: string }[]
  readonly default?: string | null
  readonly params?: Readonly<Record<string, string | number>>
  readonly stores?: readonly ProcessorStore[]
  readonly [field: string]: unknown
}

/** Headers with their values as text (records) or hexadecimal (internal topics). */
export type TextHeaders = readonly (readonly [string, string | null])[]

/** A record that reached a topic, as a case writes it. */
export interface OutRecord {
  readonly topic: string
  readonly key: unknown
  readonly value: unknown
  readonly ts: number
  readonly headers?: TextHeaders
  readonly keyHex?: string | null
  readonly valueHex?: string | null
}

/** A record of an internal topic, as a case writes it. */
export interface LogRecord {
  readonly step: number
  readonly keyHex: string | null
  readonly valueHex: string | null
  /** Null: the producer's clock stamps it. */
  readonly ts: number | null
  readonly headers?: TextHeaders
}

/** An input of a case. */
export interface InputSpec {
  readonly topic: string
  readonly key: Datum
  readonly value?: Datum
  readonly valueHex?: string
  readonly ts: number
  readonly headers?: TextHeaders
}

/** What a step does. */
export type StepSpec = { readonly in: InputSpec } | { readonly advanceWallClock: number }

/** A case: a topology, its inputs, and what Kafka Streams made of them (FORMAT.md section 2). */
export interface Case {
  readonly name: string
  readonly application: string
  readonly config: {
    readonly guarantee: 'at_least_once' | 'exactly_once_v2'
    readonly wallClockStartMs: number
    readonly optimize?: boolean
    readonly emitIntervalMs?: number
    readonly onDeserializationError?: string
    readonly outputBytes?: boolean
  }
  readonly topology: readonly NodeSpec[]
  readonly steps: readonly StepSpec[]
  readonly expect: readonly (readonly OutRecord[])[]
  readonly fails?: { readonly step: number; readonly errors: readonly string[] }
  readonly manyPending: boolean
  readonly droppedRecords: number
  readonly stores?: Readonly<Record<string, unknown>>
  readonly commitMetadata?: Readonly<Record<string, string>>
  readonly storeSensitive: readonly string[]
  readonly changelog: Readonly<Record<string, readonly LogRecord[]>>
}

/** The JSON files under a directory, sorted; a file is given as it is. */
export function caseFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.json'))
    .sort()
    .map(name => join(path, name))
}

/** The cases of one file with the family that the file names. */
export function readCases(file: string): { readonly family: string; readonly cases: readonly Case[] } {
  const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'))
  const { format, family, cases } = parsed as { format: number; family: string; cases: readonly Case[] }
  if (format !== 1 || !Array.isArray(cases)) throw new Error(`${file}: not a file of conformance cases of format 1`)
  return { family, cases }
}
