import { randomUUID } from 'node:crypto'
import { type Headers, type Source, type SourceReader, type SourceRecord, text } from '@riacho/streams'
import { reasonOf } from '@riacho/streams/engine'
import { Connection, type Reply } from './client.ts'
import { sinkError, streamError } from './errors.ts'
import { checkSource, type RedisSourceOptions } from './options.ts'

/** Ids that one request names. */
const requestIds = 1000
/** Milliseconds that Redis has to take back what a reader leaves. */
const leaveWait = 1000

/**
 * A source of the entries of a Redis stream, read in a consumer group: key and value are the fields of these names, the other fields are headers. An entry is acknowledged after the
 * commit that covers it, so none is lost and some may come twice: never exactly once. What a reader that died had is given to another after `claimAfter`.
 *
 * @example
 * source(redisSource({ stream: 'pulses', group: 'monitor', value: json<Pulse>() }))
 *
 * Throws `RIACHO_REDIS_OPTION`.
 */
export const redisSource = <V>(options: RedisSourceOptions<V>): Source<string, V> => {
  checkSource(options)
  const { stream, name = `redis-${stream.replaceAll(/[^A-Za-z0-9._-]/g, '-')}` } = options
  const partitions = Array.from({ length: options.partitions ?? 1 }, (_, i) => (i === 0 ? stream : `${stream}-${i}`))
  return {
    name,
    positions: 'acknowledged',
    keyed: false,
    key: text,
    value: options.value,
    async partitions() {
      const connection = new Connection(options)
      try {
        await makeGroup(connection, options)
      } catch (thrown) {
        throw streamError(stream, thrown)
      } finally {
        connection.close()
      }
      return partitions
    },
    open: (_, from) => new StreamReader(options, from === null ? 0 : numberOf(from)),
  }
}

/** An entry that no commit covers yet. */
interface Pending {
  readonly number: number
  readonly id: string
}

class StreamReader implements SourceReader {
  readonly #options: RedisSourceOptions<unknown>
  readonly #claimAfter: number
  readonly #pendingMax: number
  /** A consumer of its own: what another has is never taken for ours. */
  readonly #consumer = randomUUID()
  #closed = false
  readonly #heartbeat: NodeJS.Timeout
  /** Two connections: while one waits for entries, the other acknowledges. */
  readonly #waiting: Connection
  readonly #asking: Connection
  #grouped = false
  #receiving: Promise<void> | null = null
  /** What was received and not given out. */
  #ready: SourceRecord[] = []
  /** In the order of their numbers. */
  #pending: Pending[] = []
  /** The last number that was given, and the last that a commit covers. */
  #number: number
  #covered: number
  /** When to look for entries of readers that died (epoch milliseconds), and where. */
  #claimAt = 0
  #claimFrom = '0-0'

  constructor(options: RedisSourceOptions<unknown>, number: number) {
    this.#options = options
    this.#waiting = new Connection(options)
    this.#asking = new Connection(options)
    this.#number = number
    this.#covered = number
    this.#claimAfter = options.claimAfter ?? 30_000
    this.#pendingMax = options.pendingMax ?? 10_000
    this.#heartbeat = setInterval(() => void this.#stayAlive().catch(() => {}), this.#claimAfter / 3)
    this.#heartbeat.unref()
  }

  async read(recordsMax: number, signal: AbortSignal): Promise<readonly SourceRecord[]> {
    const aborted = Promise.withResolvers<void>()
    const abort = (): void => aborted.resolve()
    signal.addEventListener('abort', abort)
    try {
      while (!signal.aborted && !this.#closed) {
        if (this.#ready.length > 0) return this.#give(recordsMax)
        await Promise.race([aborted.promise, this.#pending.length < this.#pendingMax ? this.#ask(recordsMax) : moment()])
      }
      return []
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** While what is given is worked on, the next is fetched. */
  #give(recordsMax: number): readonly SourceRecord[] {
    const records = this.#ready.splice(0, recordsMax)
    if (this.#ready.length === 0 && this.#pending.length < this.#pendingMax) void this.#ask(recordsMax)
    return records
  }

  /** What a read that is given up has asked for is given by the next. */
  #ask(recordsMax: number): Promise<void> {
    this.#receiving ??= this.#receive(recordsMax).finally(() => {
      this.#receiving = null
    })
    // Its failure is that of the read that waits for it, if one does.
    this.#receiving.catch(() => {})
    return this.#receiving
  }

  async commit(upTo: Uint8Array): Promise<void> {
    this.#covered = numberOf(upTo)
    await this.#acknowledge().catch((thrown: unknown) => {
      // While Redis is away the entries stay ours, and the next sign of life acknowledges them.
      if (sinkError(this.#options.stream, thrown).kind === 'permanent') throw streamError(this.#options.stream, thrown)
    })
  }

  async #acknowledge(): Promise<void> {
    const { stream, group } = this.#options
    const covered = this.#covered
    const count = (): number => this.#pending.filter(({ number }) => number <= covered).length
    await inRequests(this.#pending.slice(0, count()), ids => this.#asking.send(['XACK', stream, group, ...ids]))
    this.#pending.splice(0, count())
  }

  async lag(): Promise<number> {
    const { stream, group } = this.#options
    await this.#join()
    const [groups, delivered] = await Promise.all([
      this.#asking.send(['XINFO', 'GROUPS', stream]),
      this.#asking.send(['XPENDING', stream, group]),
    ])
    const own = (groups as Rows).map(mapOf).find(({ name }) => String(name) === group)
    const consumers = (delivered as readonly [Reply, Reply, Reply, Rows | null])[3] ?? []
    // Redis cannot tell when entries were deleted: then they are counted, up to some.
    const left = own?.lag ?? (await this.#after(own?.['last-delivered-id'] ?? '0-0'))
    const ours = consumers.find(([name]) => String(name) === this.#consumer)?.[1] ?? 0
    // What is on its way here is neither there nor ready.
    return Number(left) + this.#ready.length + Math.max(0, Number(ours) - this.#pending.length)
  }

  async #after(id: Reply): Promise<number> {
    const entries = await this.#asking.send(['XRANGE', this.#options.stream, `(${id}`, '+', 'COUNT', String(requestIds)])
    return (entries as readonly Reply[]).length
  }

  async #join(): Promise<void> {
    if (!this.#grouped) await makeGroup(this.#asking, this.#options)
    this.#grouped = true
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#heartbeat)
    this.#waiting.close()
    await this.#receiving?.catch(() => {})
    if (this.#grouped) {
      const { stream, group } = this.#options
      const args = [stream, group, this.#consumer, String(this.#claimAfter)]
      // What no commit covers is for whoever reads next, at once. If Redis cannot be told, it is after `claimAfter`.
      await this.#asking.send(['EVAL', leaveScript, '1', ...args], AbortSignal.timeout(leaveWait)).catch(() => {})
    }
    this.#asking.close()
    this.#pending = []
  }

  async #receive(recordsMax: number): Promise<void> {
    const { stream, group, wait = 2000 } = this.#options
    const most = String(Math.min(recordsMax, this.#pendingMax - this.#pending.length))
    try {
      await this.#join()
      if (Date.now() >= this.#claimAt && (await this.#claim(most))) return
      const request = ['XREADGROUP', 'GROUP', group, this.#consumer, 'COUNT', most, 'BLOCK', String(wait), 'STREAMS', stream, '>']
      const answer = (await this.#waiting.send(request)) as readonly [readonly [Reply, readonly Entry[]]] | null
      for (const entry of answer?.[0][1] ?? []) this.#take(entry)
    } catch (thrown) {
      // The stream was deleted, or Redis has forgotten it: the next read makes the group again.
      if (reasonOf(thrown).startsWith('NOGROUP')) this.#grouped = false
      throw streamError(stream, thrown)
    }
  }

  /** Takes over entries of readers that gave no sign of life. Whether there were any. */
  async #claim(most: string): Promise<boolean> {
    const { stream, group } = this.#options
    const request = ['XAUTOCLAIM', stream, group, this.#consumer, String(this.#claimAfter), this.#claimFrom, 'COUNT', most]
    const [next, entries] = (await this.#asking.send(request)) as readonly [Reply, readonly Entry[]]
    this.#claimFrom = String(next)
    if (this.#claimFrom === '0-0') this.#claimAt = Date.now() + this.#claimAfter / 2
    if (entries.length === 0) return false
    const [first, last] = [String(entries[0]![0]), String(entries.at(-1)![0])]
    const pending = await this.#asking.send([
      'XPENDING',
      stream,
      group,
      first,
      last,
      String(entries.length + this.#pending.length),
      this.#consumer,
    ])
    const deliveries = new Map((pending as Rows).map(([id, , , count]) => [String(id), Buffer.from(String(count))]))
    // Our own are among them when we gave no sign in time.
    const ours = new Set(this.#pending.map(({ id }) => id))
    const others = entries.filter(([id]) => !ours.has(String(id)))
    for (const entry of others) this.#take(entry, deliveries.get(String(entry[0])))
    return others.length > 0
  }

  #take([id, fields]: Entry, deliveries = once): void {
    const pending = { number: ++this.#number, id: id.toString('latin1') }
    this.#pending.push(pending)
    const headers: Headers[number][] = [
      ['redis.id', id],
      ['redis.delivery-count', deliveries],
    ]
    this.#ready.push(recordOf(pending, fields, headers, this.#options))
  }

  /** Tells that what we have is not to be taken over. */
  async #stayAlive(): Promise<void> {
    await this.#acknowledge()
    if (this.#pending.length === 0) return
    const { stream, group } = this.#options
    await inRequests(this.#pending, ids => this.#asking.send(['XCLAIM', stream, group, this.#consumer, '0', ...ids, 'JUSTID']))
  }
}

/** Gives back what a consumer has, as if it had been silent for as long as it takes to be dead; forgets it, and dead ones that have nothing. */
const leaveScript = `
local stream, group, consumer, claimAfter = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
for _, entry in ipairs(redis.call('XPENDING', stream, group, '-', '+', 1000000, consumer)) do
  redis.call('XCLAIM', stream, group, consumer, 0, entry[1], 'IDLE', claimAfter, 'JUSTID')
end
for _, each in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
  local facts = {}
  for i = 1, #each, 2 do facts[each[i]] = each[i + 1] end
  if facts.pending == 0 and (facts.name == consumer or facts.idle > claimAfter) then
    redis.call('XGROUP', 'DELCONSUMER', stream, group, facts.name)
  end
end`

type Rows = readonly (readonly Reply[])[]
type Entry = readonly [id: Buffer, fields: readonly Buffer[]]

/** How often an entry was delivered that is new. */
const once = Buffer.from('1')

/** A group begins at the beginning of its stream. */
const makeGroup = async (connection: Connection, { stream, group }: RedisSourceOptions<unknown>): Promise<void> => {
  try {
    await connection.send(['XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM'])
  } catch (thrown) {
    if (!reasonOf(thrown).startsWith('BUSYGROUP')) throw thrown
  }
}

/** Calls with a thousand ids at a time. */
const inRequests = async (pending: readonly Pending[], call: (ids: readonly string[]) => Promise<unknown>): Promise<void> => {
  const calls: Promise<unknown>[] = []
  for (let i = 0; i < pending.length; i += requestIds) calls.push(call(pending.slice(i, i + requestIds).map(({ id }) => id)))
  await Promise.all(calls)
}

/** Names and values that stand in turns. */
const mapOf = (reply: readonly Reply[]): Readonly<Record<string, Reply>> =>
  Object.fromEntries(reply.flatMap((name, i) => (i % 2 === 0 ? [[String(name), reply[i + 1]!]] : [])))

const moment = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 20))

/** A position is the number of its record. */
const numberOf = (position: Uint8Array): number => Buffer.from(position).readDoubleBE()

const recordOf = (
  { id, number }: Pending,
  fields: readonly Buffer[],
  headers: Headers[number][],
  { keyField = 'key', valueField = 'value' }: RedisSourceOptions<unknown>,
): SourceRecord => {
  const position = Buffer.allocUnsafe(8)
  position.writeDoubleBE(number)
  let [key, value]: [Buffer | null, Buffer | null] = [null, null]
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!.toString()
    if (name === keyField) key = fields[i + 1]!
    else if (name === valueField) value = fields[i + 1]!
    else headers.push([name, fields[i + 1]!])
  }
  // Redis makes ids of its clock's milliseconds.
  return { key, value, timestamp: Number.parseInt(id, 10), headers, offset: number, position }
}
