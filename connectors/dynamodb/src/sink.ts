import { type AttributeValue, BatchWriteItemCommand, type DynamoDBClient, type WriteRequest } from '@aws-sdk/client-dynamodb'
import { marshall } from '@aws-sdk/util-dynamodb'
import { type Sink, SinkError, type StreamRecord } from '@riacho/streams'
import { reasonOf } from '@riacho/streams/engine'
import { clientOf, ensureTable } from './client.ts'
import { BadItem, batchError, sinkError } from './errors.ts'
import { type Attributes, check, type DynamoOptions } from './options.ts'

/** Items that one request takes. */
const requestItems = 25

/**
 * A sink of whole items into a DynamoDB table, by batches; a null value deletes by key.
 *
 * @example
 * persist(dynamodb({ table: 'pismo', key: { UUID: 'S' }, create: true, item: event => ({ UUID: event.uid, client: event.client }) }), { retry: { retriesMax: 5 } })
 *
 * Throws `RIACHO_DYNAMODB_OPTION`. `write` rejects with a SinkError whose `failures` say which items were not written; all others were.
 */
export const dynamodb = <K, V>(options: DynamoOptions<K, V>): Sink<K, V> => {
  check(options)
  return new DynamoSink(options.name ?? `dynamodb-${options.table}`, options)
}

/** One change of the table, and the place of its record. */
interface Change {
  readonly index: number
  readonly request: WriteRequest
  /** The change of the same item before it, which this one makes needless. */
  readonly earlier: Change | undefined
}

class DynamoSink<K, V> implements Sink<K, V> {
  readonly name: string
  readonly idempotent = true
  readonly #options: DynamoOptions<K, V>
  readonly #key: readonly (readonly [name: string, type: string])[]
  #users = 0
  #opening: Promise<DynamoDBClient> | null = null
  #client: DynamoDBClient | null = null

  constructor(name: string, options: DynamoOptions<K, V>) {
    this.name = name
    this.#options = options
    this.#key = Object.entries(options.key)
  }

  async open(): Promise<void> {
    this.#users++
    this.#opening ??= this.#open()
    try {
      this.#client = await this.#opening
    } catch (thrown) {
      this.#users--
      this.#opening = null
      throw thrown
    }
  }

  async #open(): Promise<DynamoDBClient> {
    const client = clientOf(this.#options as DynamoOptions<never, never>)
    try {
      await ensureTable(client, this.#options as DynamoOptions<never, never>)
      return client
    } catch (thrown) {
      if (client !== this.#options.client) client.destroy()
      throw thrown
    }
  }

  async write(batch: readonly StreamRecord<K, V | null>[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const client = this.#client
    if (client === null) throw new SinkError('permanent', `${this.name} is not open: call open() first`)
    const failures = new Map<number, SinkError>()
    const changes = this.#changes(batch, failures)
    let next = 0
    const work = async (): Promise<void> => {
      while (next < changes.length && !signal.aborted) {
        const from = next
        next += requestItems
        await this.#run(client, changes.slice(from, next), failures, signal)
      }
    }
    const requests = Math.ceil(changes.length / requestItems)
    await Promise.all(Array.from({ length: Math.min(this.#options.requestsMax ?? 8, requests) }, work))
    signal.throwIfAborted()
    if (failures.size > 0) throw batchError(this.#options.table, batch.length, failures)
  }

  async close(): Promise<void> {
    if (this.#users === 0 || --this.#users > 0) return
    if (this.#client !== this.#options.client) this.#client?.destroy()
    this.#client = null
    this.#opening = null
  }

  /** The last change of each item: a request may not have two of one. */
  #changes(batch: readonly StreamRecord<K, V | null>[], failures: Map<number, SinkError>): readonly Change[] {
    const last = new Map<string, Change>()
    for (let index = 0; index < batch.length; index++) {
      const record = batch[index]!
      try {
        const request = record.value === null ? this.#removal(record.key) : this.#item(record as StreamRecord<K, V>)
        const id = this.#idOf((request.PutRequest?.Item ?? request.DeleteRequest?.Key)!)
        last.set(id, { index, request, earlier: last.get(id) })
      } catch (thrown) {
        failures.set(index, sinkError(this.#options.table, thrown))
      }
    }
    return [...last.values()]
  }

  #item(record: StreamRecord<K, V>): WriteRequest {
    return { PutRequest: { Item: marshalled('item', () => this.#options.item(record.value, record)) } }
  }

  #removal(key: K): WriteRequest {
    const { keyOf } = this.#options
    if (keyOf === undefined) throw new BadItem('its value is null, which deletes an item: give the option keyOf, or drop nulls before')
    return { DeleteRequest: { Key: marshalled('keyOf', () => keyOf(key)) } }
  }

  #idOf(attributes: Record<string, AttributeValue>): string {
    let id = ''
    for (const [name, type] of this.#key) {
      const value = (attributes[name] as Record<string, unknown> | undefined)?.[type]
      if (value === undefined || value === '') throw new BadItem(`key attribute ${name} has no value of type ${type}`)
      const text = typeof value === 'string' ? value : Buffer.from(value as Uint8Array).toString('latin1')
      id += `${text.length}:${text}`
    }
    return id
  }

  async #run(client: DynamoDBClient, changes: readonly Change[], failures: Map<number, SinkError>, signal: AbortSignal): Promise<void> {
    const { table } = this.#options
    try {
      const command = new BatchWriteItemCommand({ RequestItems: { [table]: changes.map(change => change.request) } })
      const { UnprocessedItems } = await client.send(command, { abortSignal: signal })
      const left = UnprocessedItems?.[table] ?? []
      if (left.length === 0) return
      const busy = new SinkError('transient', `table ${table} takes no more just now`)
      const ids = new Set(left.map(request => this.#idOf((request.PutRequest?.Item ?? request.DeleteRequest?.Key)!)))
      for (const change of changes) {
        const { request } = change
        if (ids.has(this.#idOf((request.PutRequest?.Item ?? request.DeleteRequest?.Key)!)))
          await this.#failed(client, change, busy, failures, signal)
      }
    } catch (thrown) {
      if (signal.aborted) return
      const error = sinkError(table, thrown)
      // One item, or their sum, is what the service refuses: each alone tells.
      if (error.kind === 'poison' && changes.length > 1) for (const change of changes) await this.#run(client, [change], failures, signal)
      else for (const change of changes) await this.#failed(client, change, error, failures, signal)
    }
  }

  /** An item that cannot be written leaves its place to the one before it; when it may still be written, both are tried again. */
  async #failed(
    client: DynamoDBClient,
    change: Change,
    error: SinkError,
    failures: Map<number, SinkError>,
    signal: AbortSignal,
  ): Promise<void> {
    failures.set(change.index, error)
    if (change.earlier === undefined) return
    if (error.kind === 'poison') await this.#run(client, [change.earlier], failures, signal)
    else await this.#failed(client, change.earlier, error, failures, signal)
  }
}

/** What a function of the options answers, as DynamoDB takes it; what it throws, or what cannot be, is a bad item. */
const marshalled = (name: string, f: () => Attributes): Record<string, AttributeValue> => {
  try {
    return marshall(f(), { removeUndefinedValues: true })
  } catch (cause) {
    throw new BadItem(`${name}(): ${reasonOf(cause)}`, { cause })
  }
}
