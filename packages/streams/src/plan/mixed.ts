import type { Serde } from '../contract/serde.ts'
import { RiachoError } from '../errors.ts'

const refuse = (): never => {
  throw new RiachoError(
    'RIACHO_NO_SERDE',
    'inputs with different serdes were merged: say the serde where the stream meets a topic or a store',
  )
}

/** Stands for the serde of a merge whose inputs have different ones: no boundary accepts it. */
export const mixed: Serde<unknown> = Object.freeze({ encode: refuse, decode: refuse })

/** The serde of a merge: that of its inputs when they write the same bytes, {@link mixed} when they do not, undefined when an input has none. */
export function merged(serdes: readonly (Serde<unknown> | undefined)[]): Serde<unknown> | undefined {
  const [first] = serdes
  if (first === undefined || serdes.includes(undefined)) return undefined
  return serdes.every(serde => serde === first || (serde?.passId !== undefined && serde.passId === first.passId)) ? first : mixed
}

/** The serde of a boundary. Throws `RIACHO_NO_SERDE` when it is that of a merge whose inputs differ. */
export function said<S extends Serde<unknown> | undefined>(serde: S, label: string, what: 'key' | 'value'): S {
  if (serde !== mixed) return serde
  throw new RiachoError('RIACHO_NO_SERDE', `'${label}' writes ${what}s of merged streams whose serdes differ: give it { ${what}: … }`, {
    place: { node: label },
  })
}
