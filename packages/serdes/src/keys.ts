import type { Type, types } from 'avsc'

/** Why equal values of a type may have different bytes, if they may. */
export function whyNotForKeys(type: Type, seen = new Set<Type>()): string | undefined {
  if (seen.has(type)) return undefined
  seen.add(type)
  const name = type.typeName
  if (name === 'map') return 'the entries of a map have no order'
  if (name === 'float' || name === 'double') return 'a floating-point number has several zeros and NaNs'
  for (const part of partsOf(type)) {
    const reason = whyNotForKeys(part, seen)
    if (reason !== undefined) return reason
  }
  return undefined
}

/** The types of which a type is made. */
export function partsOf(type: Type): readonly Type[] {
  const name = type.typeName
  if (name === 'record' || name === 'error') return (type as types.RecordType).fields.map(field => field.type)
  if (name === 'array') return [(type as types.ArrayType).itemsType]
  if (name === 'map') return [(type as types.MapType).valuesType]
  if (name.startsWith('union')) return (type as types.UnwrappedUnionType).types
  if (name.startsWith('logical')) return [(type as types.LogicalType).underlyingType]
  return []
}
