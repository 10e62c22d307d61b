import { type Clock, RiachoError, reasonOf, systemClock } from '@riacho/streams/engine'
import type { ConnectorDefinition } from './definition.ts'
import { failure } from './errors.ts'

/** Options of a cluster. Times in milliseconds. */
export interface ConnectOptions {
  /** Of the REST interface of any worker, such as `http://localhost:8083`. */
  readonly url: string
  readonly auth?: { readonly username: string; readonly password: string }
  /** Longest wait for one answer. Default 10,000. */
  readonly timeoutMs?: number
  /** Tries after the first, while workers do not answer or rebalance. Default 5. */
  readonly retriesMax?: number
  readonly clock?: Clock
}

/** A connector, or one of its tasks, and how it is. */
export interface PartStatus {
  /** Such as RUNNING, PAUSED, FAILED, UNASSIGNED. */
  readonly state: string
  /** Why it failed: the first line of the trace, and the last cause in it. */
  readonly reason?: string
}

/** How a connector is. */
export interface ConnectorStatus extends PartStatus {
  readonly name: string
  readonly tasks: readonly (PartStatus & { readonly id: number })[]
}

/** What `apply` did. */
export type Applied = 'created' | 'updated' | 'unchanged'

/** A cluster of Kafka Connect, or a standalone worker, over its REST interface. Every call can be made again. Rejects with `RIACHO_CONNECT`. */
export interface ConnectCluster {
  readonly url: string
  /** Makes the connector be as its definition says. */
  apply(definition: ConnectorDefinition): Promise<Applied>
  /** Waits until the connector and all its tasks run. Rejects with `RIACHO_CONNECTOR_FAILED` when one has failed, or when it takes longer. */
  running(name: string, withinMs: number): Promise<ConnectorStatus>
  names(): Promise<readonly string[]>
  /** Undefined: there is none of that name. */
  status(name: string): Promise<ConnectorStatus | undefined>
  /** Resolves with whether there was one. */
  delete(name: string): Promise<boolean>
}

/** A cluster of Kafka Connect. Nothing is asked before a call. Throws `RIACHO_OPTION`. */
export function connectCluster(options: ConnectOptions): ConnectCluster {
  if (!URL.canParse(options.url) || !/^https?:$/.test(new URL(options.url).protocol))
    throw new RiachoError('RIACHO_OPTION', 'url is an http or https address, such as http://localhost:8083')
  const { username, password } = new URL(options.url)
  if (username !== '' || password !== '') throw new RiachoError('RIACHO_OPTION', 'url holds a name or a password: give them as auth')
  return new Cluster(options)
}

const backoffMs = { min: 100, max: 3000 }
const pollMs = 100
/** In which a worker restarts a connector that was changed. */
const settleMs = 2000

class Cluster implements ConnectCluster {
  readonly url: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #timeoutMs: number
  readonly #retriesMax: number
  readonly #clock: Clock
  /** When connectors were changed, by name. */
  readonly #changed = new Map<string, number>()

  constructor({ url, auth, timeoutMs = 10_000, retriesMax = 5, clock = systemClock }: ConnectOptions) {
    this.url = url.replace(/\/+$/, '')
    const basic = auth && Buffer.from(`${auth.username}:${auth.password}`).toString('base64')
    this.#headers = { 'content-type': 'application/json', ...(basic !== undefined && { authorization: `Basic ${basic}` }) }
    this.#timeoutMs = timeoutMs
    this.#retriesMax = retriesMax
    this.#clock = clock
  }

  async apply({ name, config }: ConnectorDefinition): Promise<Applied> {
    const path = `/connectors/${encodeURIComponent(name)}/config`
    const now = await this.#ask('GET', path)
    if (now.found && isSame(now.body as Readonly<Record<string, unknown>>, config)) return 'unchanged'
    if (!(await this.#ask('PUT', path, config)).found) throw this.#strange()
    this.#changed.set(name, this.#clock.now())
    return now.found ? 'updated' : 'created'
  }

  async running(name: string, withinMs: number): Promise<ConnectorStatus> {
    const settledAt = (this.#changed.get(name) ?? Number.NEGATIVE_INFINITY) + settleMs
    for (const deadline = this.#clock.now() + withinMs; ; await this.#clock.sleep(pollMs)) {
      // Shortly after a change it may be what was there before that runs, or has failed; also of one that was deleted.
      if (this.#clock.now() < settledAt) continue
      const status = await this.status(name)
      const failed = status === undefined ? [] : failuresOf(status)
      if (failed.length > 0) throw failure('RIACHO_CONNECTOR_FAILED', `${failed.join('; ')}: mend it and apply it again`)
      if (status?.state === 'RUNNING' && status.tasks.length > 0 && status.tasks.every(({ state }) => state === 'RUNNING')) return status
      if (this.#clock.now() < deadline) continue
      const states = status === undefined ? 'it has no status' : [status, ...status.tasks].map(({ state }) => state).join(', ')
      throw failure('RIACHO_CONNECTOR_FAILED', `connector '${name}' does not run after ${withinMs} ms: ${states}`)
    }
  }

  async names(): Promise<readonly string[]> {
    const { body } = await this.#ask('GET', '/connectors')
    if (!Array.isArray(body)) throw this.#strange()
    return body.map(String).sort()
  }

  async status(name: string): Promise<ConnectorStatus | undefined> {
    const { found, body } = await this.#ask('GET', `/connectors/${encodeURIComponent(name)}/status`)
    if (!found) return undefined
    const { connector, tasks } = body as { connector?: Told; tasks?: readonly (Told & { id: number })[] }
    if (connector === undefined || !Array.isArray(tasks)) throw this.#strange()
    return { name, ...partOf(connector), tasks: tasks.map(task => ({ id: task.id, ...partOf(task) })) }
  }

  async delete(name: string): Promise<boolean> {
    return (await this.#ask('DELETE', `/connectors/${encodeURIComponent(name)}`)).found
  }

  #strange() {
    return failure('RIACHO_CONNECT', `${this.url} does not answer as Kafka Connect does: is it the address of a worker's REST interface?`)
  }

  /** Asks until there is an answer that stays one. */
  async #ask(method: string, path: string, body?: unknown): Promise<Answer> {
    for (let failures = 1; ; failures++) {
      const answer = await this.#askOnce(method, path, body)
      if (!('retry' in answer)) return answer
      if (failures > this.#retriesMax)
        throw failure('RIACHO_CONNECT', `${method} ${this.url}${path} failed: ${answer.retry}; does a worker run there?`)
      const most = Math.min(backoffMs.max, backoffMs.min * 2 ** (failures - 1))
      await this.#clock.sleep(most / 2 + (Math.random() * most) / 2)
    }
  }

  async #askOnce(method: string, path: string, body: unknown): Promise<Answer | { readonly retry: string }> {
    let status: number
    let text: string
    try {
      const answer = await fetch(this.url + path, {
        method,
        headers: this.#headers,
        redirect: 'error',
        signal: AbortSignal.timeout(this.#timeoutMs),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      status = answer.status
      text = await answer.text()
    } catch (thrown) {
      return { retry: thrown instanceof Error && thrown.cause !== undefined ? reasonOf(thrown.cause) : reasonOf(thrown) }
    }
    const parsed = parse(text)
    const reason = (parsed as { message?: string } | undefined)?.message ?? text.slice(0, 200)
    // 409: the workers rebalance.
    if (status === 409 || status === 429 || status >= 500) return { retry: `${status} ${reason}` }
    if (status === 404) return { found: false, body: undefined }
    if (status >= 400) throw failure('RIACHO_CONNECT', `${method} ${this.url}${path} is refused (${status}): ${reason}`)
    if (parsed === undefined && text !== '') throw this.#strange()
    return { found: true, body: parsed }
  }
}

interface Answer {
  readonly found: boolean
  readonly body: unknown
}

interface Told {
  readonly state: string
  readonly trace?: string
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const partOf = ({ state, trace }: Told): PartStatus => ({
  state,
  ...(trace !== undefined && trace !== '' && { reason: reasonIn(trace) }),
})

/** The first line, and the last cause: Connect wraps what is wrong in what it was doing. */
function reasonIn(trace: string): string {
  const [first = '', ...rest] = trace.split('\n').map(line => line.trim())
  const cause = rest.findLast(line => line.startsWith(causedBy))
  return cause === undefined ? first : `${first} (${cause.slice(causedBy.length)})`
}

const causedBy = 'Caused by: '

function isSame(now: Readonly<Record<string, unknown>>, wanted: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(now)
  return names.length === Object.keys(wanted).length && names.every(name => now[name] === wanted[name])
}

/** What has failed of a connector, one line each. */
export function failuresOf({ name, state, reason, tasks }: ConnectorStatus): readonly string[] {
  const whole = state === 'FAILED' ? [`connector '${name}' failed${because(reason)}`] : []
  const parts = tasks.filter(task => task.state === 'FAILED')
  return [...whole, ...parts.map(task => `task ${task.id} of connector '${name}' failed${because(task.reason)}`)]
}

const because = (reason: string | undefined): string => (reason === undefined ? '' : `: ${reason}`)
