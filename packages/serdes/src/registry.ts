import type { Agent } from 'node:http'
import { SchemaRegistry as Client, COMPATIBILITY, SchemaType } from '@kafkajs/confluent-schema-registry'
import { type Clock, RiachoError, reasonOf, systemClock } from '@riacho/streams/engine'
import type { Type } from 'avsc'
import { type Attempts, inTime, isMissing, pauseAfter, tried } from './attempts.ts'
import { failure } from './errors.ts'
import { type AvroSchema, compileOptions } from './schema.ts'

/** Options of a schema registry. Times in milliseconds. */
export interface SchemaRegistryOptions {
  /** With its path, such as `http://localhost:8081`. */
  readonly url: string
  readonly auth?: { readonly username: string; readonly password: string }
  /** For certificates of one's own: an agent of `node:https`. */
  readonly agent?: Agent
  /** Longest wait for one answer. Default 3000: with the longest pause less than five seconds, in which a registry that is back is heard of. */
  readonly timeoutMs?: number
  /** Tries after the first, of what an application needs to start. Default 5. What a record needs is asked for as long as the record waits. */
  readonly retriesMax?: number
  /** Pauses between tries grow from `min` to `max`. Default 100 to 1500. */
  readonly backoffMs?: { readonly min: number; readonly max: number }
  /** How long "the latest schema" is taken for the latest. Default 60,000. */
  readonly latestMs?: number
  /** How long an id of which the registry says that there is none is asked for, before the record is bad. Default 30,000. */
  readonly unknownIdMs?: number
  /** Schemas kept in memory. Default 1000. */
  readonly schemasMax?: number
  readonly clock?: Clock
}

/** What is known of an id that no schema was found for yet. */
interface Search {
  failures: number
  /** When the registry first said that there is none; NaN before. */
  missingSince: number
  running: Promise<void> | undefined
  refusal: RiachoError | undefined
  /** When a refusal is forgotten. */
  until: number
}

/** Least time for which a refusal is remembered: who was told to look again must find it. */
const refusedMsMin = 10_000
/** Ids that may be searched for or refused at the same time: a message may hold any number. */
export const searchesMax = 100

/** A schema registry with Confluent's interface: schemas by their ids, kept in memory, so that what is known goes on while it is down. */
export class SchemaRegistry {
  readonly url: string
  readonly attempts: Attempts
  readonly latestMs: number
  readonly #unknownIdMs: number
  readonly #schemasMax: number
  readonly #client: Client
  #heard: ((answer: unknown) => void) | undefined
  readonly #closing = new AbortController()
  readonly #types = new Map<number, Type>()
  readonly #searches = new Map<number, Search>()

  constructor(options: SchemaRegistryOptions) {
    checkOptions(options)
    this.url = options.url.replace(/\/+$/, '')
    this.latestMs = options.latestMs ?? 60_000
    this.#unknownIdMs = options.unknownIdMs ?? 30_000
    this.#schemasMax = options.schemasMax ?? 1000
    this.attempts = {
      timeoutMs: options.timeoutMs ?? 3000,
      retriesMax: options.retriesMax ?? 5,
      backoffMs: options.backoffMs ?? { min: 100, max: 1500 },
      clock: options.clock ?? systemClock,
      signal: this.#closing.signal,
    }
    const { timeoutMs: timeout } = this.attempts
    const { auth, agent } = options
    this.#client = new Client(
      {
        host: this.url,
        clientId: 'riacho',
        retry: { retries: 0 },
        middlewares: [
          () => ({
            prepareRequest: async next => (await next()).enhance({ timeout }),
            response: async next => {
              const answer = await next()
              this.#heard?.(answer.data())
              return answer
            },
          }),
        ],
        ...(auth && { auth }),
        ...(agent && { agent }),
      },
      { [SchemaType.AVRO]: compileOptions() },
    )
  }

  /** The type of an id, if it is known: costs a look-up. Throws when it is known that there is none. */
  known(id: number): Type | undefined {
    const found = this.#types.get(id)
    if (found !== undefined) return found
    const search = this.#searches.get(id)
    if (search?.refusal === undefined) return undefined
    if (this.attempts.clock.now() < search.until) throw search.refusal
    this.#searches.delete(id)
    return undefined
  }

  /** Ids that are searched for or refused now. */
  get searches(): number {
    return this.#searches.size
  }

  /** Asks for an id once, or joins who asks. Resolves, always, when it is worth to look again: the schema is there, is refused, or a failed try has paused. */
  search(id: number): Promise<void> {
    let search = this.#searches.get(id)
    if (search === undefined) {
      if (this.#searches.size >= searchesMax) this.#forgetOldest()
      search = { failures: 0, missingSince: Number.NaN, running: undefined, refusal: undefined, until: 0 }
      this.#searches.set(id, search)
    }
    const own = search
    search.running ??= this.#searchOnce(id, own).finally(() => {
      own.running = undefined
    })
    return search.running
  }

  async #searchOnce(id: number, search: Search): Promise<void> {
    const { clock, backoffMs, signal } = this.attempts
    try {
      this.#learn(id, await inTime(() => this.#client.getSchema(id), this.attempts))
      this.#searches.delete(id)
    } catch (thrown) {
      search.refusal = this.#refusal(id, thrown, search)
      search.until = clock.now() + Math.max(this.#unknownIdMs, refusedMsMin)
      if (search.refusal === undefined) await clock.sleep(pauseAfter(++search.failures, backoffMs), signal)
    }
  }

  /** Why an id will never do, unless that is only a matter of the registry. */
  #refusal(id: number, thrown: unknown, search: Search): RiachoError | undefined {
    if (isMissing(thrown)) {
      const now = this.attempts.clock.now()
      if (Number.isNaN(search.missingSince)) search.missingSince = now
      if (now - search.missingSince < this.#unknownIdMs) return undefined
      return failure('RIACHO_SCHEMA_ID', `${this.url} has no schema ${id}, and had none for ${this.#unknownIdMs} ms`, thrown)
    }
    search.missingSince = Number.NaN
    // It answered, and its answer is of no use.
    if (thrown instanceof RiachoError) return thrown.code === 'RIACHO_REGISTRY' ? undefined : thrown
    if ((thrown as { status?: number }).status !== undefined) return undefined
    return failure('RIACHO_AVRO_SCHEMA', `schema ${id} of ${this.url} cannot be used: ${reasonOf(thrown)}`, thrown)
  }

  /** The type of an id that a start needs. Rejects with `RIACHO_REGISTRY` or `RIACHO_AVRO_SCHEMA`. */
  async typeOf(id: number): Promise<Type> {
    const found = this.#types.get(id)
    if (found !== undefined) return found
    return this.#learn(id, await tried(`asking for schema ${id}`, () => this.#client.getSchema(id), this.attempts))
  }

  /** The id of the latest schema of a subject, as the registry says now. Rejects with `RIACHO_REGISTRY`. */
  latest(subject: string): Promise<number> {
    return tried(`asking for the latest schema of '${subject}'`, () => this.#client.getLatestSchemaId(subject), this.attempts)
  }

  /** The latest schema of a subject as it was registered; of one that refers to others, with those in it. Rejects with `RIACHO_REGISTRY` or `RIACHO_AVRO_SCHEMA`. */
  async latestSchema(subject: string): Promise<AvroSchema> {
    // The client hands on only the id of what it is told.
    let told: { readonly schema?: unknown; readonly references?: readonly unknown[] } | undefined
    this.#heard = answer => {
      told = answer as typeof told
    }
    const id = await this.latest(subject).finally(() => {
      this.#heard = undefined
    })
    if (typeof told?.schema === 'string' && (told.references ?? []).length === 0) return told.schema
    return (await this.typeOf(id)).schema({ exportAttrs: true }) as AvroSchema
  }

  /** The id of a schema in a subject. Rejects with `RIACHO_REGISTRY`. */
  async idOf(subject: string, schema: AvroSchema): Promise<number> {
    const asked = avroSchema(schema)
    try {
      return await tried(`looking for a schema in '${subject}'`, () => this.#client.getRegistryIdBySchema(subject, asked), this.attempts)
    } catch (thrown) {
      // The client makes a plain error of "there is none".
      if ((thrown as { cause?: Error }).cause?.name !== 'ConfluentSchemaRegistryError') throw thrown
      const message = `'${subject}' of ${this.url} does not have this schema: register it, or give the serde register: true`
      throw failure('RIACHO_REGISTRY', message, thrown)
    }
  }

  /** Adds a schema to a subject, if it is not there. Resolves with its id. Rejects with `RIACHO_REGISTRY`, also when it is not compatible with those before. */
  async register(subject: string, schema: AvroSchema): Promise<number> {
    const ask = (compatibility: COMPATIBILITY) => async () => {
      try {
        return await this.#client.register(avroSchema(schema), { subject, compatibility, updateConfig: false })
      } catch (thrown) {
        const level = levelOf(thrown)
        if (level === undefined || level === compatibility) throw thrown
        return this.#client.register(avroSchema(schema), { subject, compatibility: level, updateConfig: false })
      }
    }
    const { id } = await tried(`registering a schema in '${subject}'`, ask(COMPATIBILITY.BACKWARD), this.attempts)
    return id
  }

  /** Ends what waits for an answer. What is known stays known. */
  close(): void {
    this.#closing.abort()
  }

  #learn(id: number, schema: unknown): Type {
    // The client keeps everything for ever beside us.
    this.#client.cache.clear()
    const type = schema as Type
    if (typeof type.createResolver !== 'function')
      throw failure('RIACHO_AVRO_SCHEMA', `schema ${id} of ${this.url} is no Avro schema: give the topic another serde`)
    if (this.#types.size >= this.#schemasMax) this.#types.delete(this.#types.keys().next().value!)
    this.#types.set(id, type)
    return type
  }

  #forgetOldest(): void {
    for (const [id, { running }] of this.#searches) if (running === undefined) return void this.#searches.delete(id)
  }
}

/** A schema registry. It is asked nothing before a serde needs it. Throws `RIACHO_OPTION`. */
export const schemaRegistry = (options: SchemaRegistryOptions): SchemaRegistry => new SchemaRegistry(options)

const avroSchema = (schema: AvroSchema) => ({
  type: SchemaType.AVRO as const,
  schema: typeof schema === 'string' && /^\s*[[{"]/.test(schema) ? schema : JSON.stringify(schema),
})

/** The client wants to know the subject's level before it registers, and says which it is when it is another: the level is the registry's to choose. */
const levelOf = (thrown: unknown): COMPATIBILITY | undefined =>
  thrown instanceof Error && thrown.name === 'ConfluentSchemaRegistryCompatibilityError'
    ? COMPATIBILITY[/!= (\w+)\)/.exec(thrown.message)?.[1] as keyof typeof COMPATIBILITY]
    : undefined

function checkOptions({ url, backoffMs, ...numbers }: SchemaRegistryOptions): void {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new RiachoError('RIACHO_OPTION', `url is an http or https address, such as http://localhost:8081, not '${url}'`)
  const { timeoutMs, retriesMax, latestMs, unknownIdMs, schemasMax } = numbers
  const whole = { timeoutMs, latestMs, schemasMax, 'backoffMs.min': backoffMs?.min, 'backoffMs.max': backoffMs?.max }
  for (const [name, value] of Object.entries(whole))
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0))
      throw new RiachoError('RIACHO_OPTION', `${name} is a whole number above 0, not ${value}`)
  for (const [name, value] of Object.entries({ retriesMax, unknownIdMs }))
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0))
      throw new RiachoError('RIACHO_OPTION', `${name} is a whole number, 0 or more, not ${value}`)
}
