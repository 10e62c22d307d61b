import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { NativeAttributeValue } from '@aws-sdk/util-dynamodb'
import type { StreamRecord } from '@riacho/streams'
import { optionError } from './errors.ts'

/** Attributes of an item as JavaScript values: text, numbers, bigints, bytes, booleans, null, lists, sets, plain objects. `undefined` is left out. */
export type Attributes = Readonly<Record<string, NativeAttributeValue | undefined>>

/** What `dynamodb` takes. */
export interface DynamoOptions<K, V> {
  readonly table: string
  /** The key attributes with their types (text, number, bytes): the partition key, then the sort key if there is one. */
  readonly key: Readonly<Record<string, 'S' | 'N' | 'B'>>
  /** Make the table, on demand, when it is missing. Default false. */
  readonly create?: boolean
  /** The whole item of a record. Called once per try of a record; what it throws makes the record a poison one. */
  readonly item: (value: V, record: StreamRecord<K, V>) => Attributes
  /** The key attributes of a record whose value is null, which deletes the item. Without it a null value is a poison record. */
  readonly keyOf?: (key: K) => Attributes
  /** Default: as the AWS SDK finds them. */
  readonly region?: string
  readonly endpoint?: string
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }
  /** A client made elsewhere, instead of the three above. It is not destroyed. Set its `maxAttempts` to 1: trying again is the stage's. */
  readonly client?: DynamoDBClient
  /** Requests of one batch of the stage that are under way at once. Default 8. */
  readonly requestsMax?: number
  /** Most milliseconds for one request. Default 10,000. */
  readonly requestTimeout?: number
  /** Default: `dynamodb-` and the table. */
  readonly name?: string
}

/** Checks the options. Throws `RIACHO_DYNAMODB_OPTION`. */
export const check = <K, V>({ table, key, requestsMax = 1, requestTimeout = 1 }: DynamoOptions<K, V>): void => {
  if (!/^[A-Za-z0-9_.-]{3,255}$/.test(table)) throw optionError(`table is "${table}": use 3 to 255 letters, digits, '_', '-' and '.'`)
  const types = Object.values(key)
  if (types.length < 1 || types.length > 2)
    throw optionError(`key has ${types.length} attributes: give the partition key, and the sort key if there is one`)
  for (const type of types) if (!['S', 'N', 'B'].includes(type)) throw optionError(`a key attribute has type ${type}: give S, N or B`)
  for (const [name, value] of Object.entries({ requestsMax, requestTimeout })) {
    if (!Number.isSafeInteger(value) || value < 1) throw optionError(`${name} is ${value}: give a whole number above 0`)
  }
}
