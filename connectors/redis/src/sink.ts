import { type Places, type Sink, SinkError, type StreamRecord } from '@riacho/streams'
import { reasonOf } from '@riacho/streams/engine'
import { Connection } from './client.ts'
import { BadRecord, batchError, sinkError } from './errors.ts'
import { checkCache, checkStream, type RedisCacheOptions, type RedisServer, type RedisStreamOptions } from './options.ts'

/**
 * A sink into keys of Redis, one a row: a hash with the row in `value` and its `version` beside it. A record that is older than what the row has, or than its deletion, changes
 * nothing, so writing again, in any order, changes nothing either. A null value deletes; `HGET key value` reads.
 *
 * @example
 * persist(redisCache({ url: 'redis://localhost:6379', prefix: 'event:', ttl: hours(1) }))
 *
 * Throws `RIACHO_REDIS_OPTION`. `write` rejects with a SinkError whose `failures` say which rows were not written; all others were.
 */
export const redisCache = <K, V>(options: RedisCacheOptions<K, V>): Sink<K, V> => {
  checkCache(options)
  const name = options.name ?? `redis-${options.prefix.replace(/:+$/, '')}`
  return new RedisSink(name, true, options, `keys ${options.prefix}*`, new Rows(options))
}

/**
 * A sink into a stream of Redis, in the order of the records. What is written again is there once, as long as its id is among the last `idsMax`.
 *
 * @example
 * persist(redisStream({ url: 'redis://localhost:6379', stream: 'pulses', lengthMax: 1_000_000 }))
 *
 * Throws `RIACHO_REDIS_OPTION`. `write` rejects with a SinkError whose `failures` say which entries were not added; all others were.
 */
export const redisStream = <K, V>(options: RedisStreamOptions<K, V>): Sink<K, V> => {
  checkStream(options)
  const { stream, name = `redis-${stream}`, idsMax } = options
  return new RedisSink(name, idsMax !== 0, options, `stream ${stream}`, new Entries(options))
}

type Argument = string | Buffer

/** What a script takes of a record: its key, where each has one of its own, and arguments. */
interface Request {
  readonly key?: string
  readonly args: readonly Argument[]
}

/** A script that writes records. It answers with the places of those that it could not write, from 1, and why. */
interface Writer<K, V> {
  readonly script: string
  /** Keys and arguments that all records share. */
  readonly keys: readonly string[]
  readonly settings: readonly string[]
  /** What it throws makes the record a poison one, unless it is a SinkError, which fails all. */
  request(record: StreamRecord<K, V | null>, index: number, places: Places | undefined): Request
}

/** Records that one script writes: while it runs, Redis serves nobody else. */
const scriptRecords = 200

class RedisSink<K, V> implements Sink<K, V> {
  readonly name: string
  readonly idempotent: boolean
  readonly #where: string
  readonly #writer: Writer<K, V>
  readonly #server: RedisServer
  #connection: Connection | null = null
  #users = 0

  constructor(name: string, idempotent: boolean, server: RedisServer, where: string, writer: Writer<K, V>) {
    this.name = name
    this.idempotent = idempotent
    this.#server = server
    this.#where = where
    this.#writer = writer
  }

  async open(): Promise<void> {
    this.#connection ??= new Connection(this.#server)
    try {
      await this.#connection.open()
    } catch (thrown) {
      if (this.#users === 0) this.#connection = null
      throw sinkError(this.#where, thrown)
    }
    this.#users++
  }

  async write(batch: readonly StreamRecord<K, V | null>[], signal: AbortSignal, places?: Places): Promise<void> {
    signal.throwIfAborted()
    if (this.#connection === null) throw new SinkError('permanent', `${this.name} is not open: call open() first`)
    const writing = new Writing(this.#connection, this.#where, this.#writer, signal)
    await writing.run(batch, places)
    if (writing.failures.size > 0) throw batchError(this.#where, batch.length, writing.failures)
  }

  async close(): Promise<void> {
    if (this.#users === 0 || --this.#users > 0) return
    this.#connection?.close()
    this.#connection = null
  }
}

/** One batch on its way. */
class Writing<K, V> {
  readonly failures = new Map<number, SinkError>()
  readonly #connection: Connection
  readonly #where: string
  readonly #writer: Writer<K, V>
  readonly #signal: AbortSignal

  constructor(connection: Connection, where: string, writer: Writer<K, V>, signal: AbortSignal) {
    this.#connection = connection
    this.#where = where
    this.#writer = writer
    this.#signal = signal
  }

  /** One part after the other: when one fails, those behind it are not written, so that no record overtakes an earlier one of its key. */
  async run(batch: readonly StreamRecord<K, V | null>[], places: Places | undefined): Promise<void> {
    for (let from = 0; from < batch.length; from += scriptRecords) {
      const failed = await this.#part(batch, from, Math.min(batch.length, from + scriptRecords), places)
      if (failed === undefined) continue
      for (let index = from; index < batch.length; index++) this.failures.set(index, this.failures.get(index) ?? failed)
      return
    }
  }

  /** Adds what is wrong with single records to the failures, and gives what is wrong with the whole part. */
  async #part(
    batch: readonly StreamRecord<K, V | null>[],
    from: number,
    to: number,
    places: Places | undefined,
  ): Promise<SinkError | undefined> {
    const { script } = this.#writer
    const keys: Argument[] = [...this.#writer.keys]
    const args: Argument[] = [...this.#writer.settings]
    const indexes: number[] = []
    try {
      for (let index = from; index < to; index++) {
        const request = this.#request(batch[index]!, index, places)
        if (request === undefined) continue
        if (request.key !== undefined) keys.push(request.key)
        for (const arg of request.args) args.push(arg)
        indexes.push(index)
      }
      if (indexes.length === 0) return undefined
      const refused = await this.#connection.send(['EVAL', script, String(keys.length), ...keys, ...args], this.#signal)
      for (const each of refused as readonly Buffer[]) {
        const [place, ...why] = String(each).split(' ')
        this.failures.set(indexes[Number(place) - 1]!, sinkError(this.#where, new BadRecord(why.join(' '))))
      }
      return undefined
    } catch (thrown) {
      this.#signal.throwIfAborted()
      return sinkError(this.#where, thrown)
    }
  }

  #request(record: StreamRecord<K, V | null>, index: number, places: Places | undefined): Request | undefined {
    try {
      return this.#writer.request(record, index, places)
    } catch (thrown) {
      if (thrown instanceof SinkError) throw thrown
      this.failures.set(index, sinkError(this.#where, new BadRecord(reasonOf(thrown), { cause: thrown })))
      return undefined
    }
  }
}

/** For each key: its version; the epoch millisecond at which it expires, 0 for never, or, below 0, for how long its deletion is remembered; its value. */
const rowsScript = `
local refused = {}
for i, key in ipairs(KEYS) do
  local version, expires, value = ARGV[3 * i - 2], tonumber(ARGV[3 * i - 1]), ARGV[3 * i]
  local held = redis.pcall('HGET', key, 'version')
  if type(held) == 'table' then
    refused[#refused + 1] = i .. ' ' .. key .. ' holds something else: ' .. held.err
  elseif not held or tonumber(held) <= tonumber(version) then
    if expires < 0 then
      redis.call('DEL', key)
      redis.call('HSET', key, 'version', version)
      redis.call('PEXPIRE', key, -expires)
    else
      redis.call('HSET', key, 'version', version, 'value', value)
      if expires > 0 then redis.call('PEXPIREAT', key, expires) elseif held then redis.call('PERSIST', key) end
    end
  end
end
return refused`

/** Versions that a record of the input may have of its own: so many of its results may change one row. */
const versionsPerOffset = 1000
const day = 86_400_000

/** Rows of a cache. */
class Rows<K, V> implements Writer<K, V> {
  readonly script = rowsScript
  readonly keys = []
  readonly settings = []
  readonly #options: RedisCacheOptions<K, V>
  #topic: string | undefined

  constructor(options: RedisCacheOptions<K, V>) {
    this.#options = options
  }

  request(record: StreamRecord<K, V | null>, index: number, places: Places | undefined): Request {
    const { prefix, keyOf = textOf, value = JSON.stringify as (value: V) => string, ttl, deletedTtl = day } = this.#options
    const version = String(this.#version(record, index, places))
    const key = prefix + keyOf(record.key)
    if (record.value === null) return { key, args: [version, String(-deletedTtl), ''] }
    const row = argumentOf(value(record.value, record as StreamRecord<K, V>))
    return { key, args: [version, ttl === undefined ? '0' : String(record.timestamp + ttl), row] }
  }

  #version(record: StreamRecord<K, V | null>, index: number, places: Places | undefined): number {
    const { version = 'position' } = this.#options
    const number =
      version === 'position' ? this.#fromOffset(places, index) : version === 'timestamp' ? record.timestamp : version(record.value, record)
    if (Number.isSafeInteger(number)) return number
    throw new SinkError('permanent', `${this.#options.prefix}: the version of a record is ${number}: give a whole number`)
  }

  #fromOffset(places: Places | undefined, index: number): number {
    const at = places?.position(index) ?? null
    const nth = places?.nth(index) ?? 0
    this.#topic ??= at?.topic
    if (at === null || at.offset < 0) throw this.#unversioned('records that no offset led to')
    if (at.topic !== this.#topic)
      throw this.#unversioned(`records of several topics (${this.#topic}, ${at.topic}), whose offsets cannot be compared`)
    if (nth >= versionsPerOffset) throw this.#unversioned(`more than ${versionsPerOffset} records from one input record`)
    return at.offset * versionsPerOffset + nth
  }

  #unversioned(what: string): SinkError {
    return new SinkError(
      'permanent',
      `${this.#options.prefix}* gets ${what}: give the option version, 'timestamp' or a number that grows with each change of a row`,
    )
  }
}

/**
 * Of each entry: its id, how many fields and values it has, these. An entry whose id is remembered is not added. Ids are remembered in two sets: when one has `idsMax` it takes the place of
 * the other, so that the last `idsMax` are always known.
 */
const entriesScript = `
local stream, recent, earlier = KEYS[1], KEYS[2], KEYS[3]
local idsMax, lengthMax, at = tonumber(ARGV[1]), tonumber(ARGV[2]), 3
local ids, begins = {}, {}
while at <= #ARGV do
  ids[#ids + 1], begins[#begins + 1] = ARGV[at], at + 2
  at = at + 2 + ARGV[at + 1]
end
local isRecent, isEarlier, added, isNew = {}, {}, {}, {}
if idsMax > 0 then
  isRecent, isEarlier = redis.call('SMISMEMBER', recent, unpack(ids)), redis.call('SMISMEMBER', earlier, unpack(ids))
end
for i, id in ipairs(ids) do
  if idsMax == 0 or isRecent[i] + isEarlier[i] == 0 and not isNew[id] then
    redis.call('XADD', stream, '*', unpack(ARGV, begins[i], begins[i] - 1 + ARGV[begins[i] - 1]))
    isNew[id], added[#added + 1] = true, id
  end
end
if idsMax > 0 and #added > 0 then
  redis.call('SADD', recent, unpack(added))
  if redis.call('SCARD', recent) >= idsMax then
    redis.call('UNLINK', earlier)
    redis.call('RENAME', recent, earlier)
  end
end
if lengthMax > 0 then redis.call('XTRIM', stream, 'MAXLEN', '~', lengthMax) end
return {}`

/** Fields that an entry may have beside its own two. */
const fieldsMax = 1000

/** Entries of a stream. */
class Entries<K, V> implements Writer<K, V> {
  readonly script = entriesScript
  readonly keys: readonly string[]
  readonly settings: readonly string[]
  readonly #options: RedisStreamOptions<K, V>

  constructor(options: RedisStreamOptions<K, V>) {
    const { stream, lengthMax = 0, idsMax = 100_000 } = options
    this.#options = options
    this.keys = [stream, `{${stream}}:ids`, `{${stream}}:ids:earlier`]
    this.settings = [String(idsMax), String(lengthMax)]
  }

  request(record: StreamRecord<K, V | null>, index: number, places: Places | undefined): Request {
    if (record.value === null) throw new BadRecord('its value is null, and a stream takes nothing back: drop nulls before')
    const { value = JSON.stringify as (value: V) => string, fields } = this.#options
    const full = record as StreamRecord<K, V>
    const entry: Argument[] =
      record.key === null || record.key === undefined
        ? []
        : ['key', record.key instanceof Uint8Array ? argumentOf(record.key) : textOf(record.key)]
    entry.push('value', argumentOf(value(full.value, full)))
    const more = Object.entries(fields?.(full.value, full) ?? {})
    if (more.length > fieldsMax) throw new BadRecord(`it has ${more.length} fields, and ${fieldsMax} are allowed`)
    for (const [name, text] of more) entry.push(name, text)
    return { args: [this.#id(full, index, places), String(entry.length), ...entry] }
  }

  #id(record: StreamRecord<K, V>, index: number, places: Places | undefined): string {
    const { id, idsMax } = this.#options
    if (idsMax === 0) return ''
    if (id !== undefined) return `i${id(record.value, record)}`
    const at = places?.position(index) ?? null
    if (at !== null && at.offset >= 0) return `p${at.topic} ${at.partition} ${at.offset} ${places!.nth(index)}`
    throw new SinkError('permanent', `stream ${this.#options.stream} gets records that no offset led to: give the option id, or idsMax: 0`)
  }
}

/** A key as text. Throws when it has none. */
const textOf = (key: unknown): string => {
  if (typeof key === 'string') return key
  if (typeof key === 'number' || typeof key === 'bigint') return String(key)
  throw new BadRecord(`its key is ${key === null ? 'null' : `a ${typeof key}`}, which is no text`)
}

/** Text or bytes as the client takes them. */
const argumentOf = (value: string | Uint8Array): Argument => {
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  throw new BadRecord(`value() gave ${value === null ? 'null' : typeof value}: give text or bytes`)
}
