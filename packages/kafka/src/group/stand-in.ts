import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Membership } from '@riacho/streams/engine'
import type { KafkaOptions } from '../options.ts'
import type { MemberOptions } from './calls.ts'
import type { Present } from './membership.ts'

/** What the stand-in's thread is given to begin with. */
export interface StandInWork {
  readonly options: KafkaOptions
  readonly member: MemberOptions
  /** When the loop last turned, as `process.hrtime.bigint()`, which all threads share. */
  readonly turned: BigInt64Array
}

/** What it is told later: who is behind this number; undefined when nobody is any more. */
export interface StandInNews {
  readonly number: number
  readonly present: Present | undefined
}

/**
 * Beats for the members of a client while its thread is blocked: a heartbeat of its own needs the event loop, which user code may hold for longer than a session lasts. It looks
 * only whether the loop turns, and stops when it has not for `maxPollIntervalMs`: then the group misses the members. Options that a thread cannot be given (functions: a
 * token that is asked for, TLS's own checks) leave them without it: then the loop may be held for as long as a session, less an interval.
 */
export class StandIn {
  readonly #options: KafkaOptions
  readonly #member: MemberOptions
  readonly #turned = new BigInt64Array(new SharedArrayBuffer(8))
  readonly #numbers = new Map<Membership, number>()
  #worker: Worker | undefined
  #timer: NodeJS.Timeout | undefined
  #next = 0

  constructor(options: KafkaOptions, member: MemberOptions) {
    this.#options = options
    this.#member = member
  }

  /** Told by members who they are now, and when they are nobody. The first one starts the thread, the last one ends it. */
  present(member: Membership, present: Present | undefined): void {
    if (present === undefined && !this.#numbers.has(member)) return
    const number = this.#numbers.get(member) ?? this.#next++
    if (present === undefined) this.#numbers.delete(member)
    else this.#numbers.set(member, number)
    if (this.#numbers.size === 0) this.close()
    else {
      this.#start()
      this.#worker?.postMessage({ number, present } satisfies StandInNews)
    }
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    void this.#worker?.terminate()
    this.#worker = undefined
  }

  #start(): void {
    if (this.#timer !== undefined) return
    const turn = () => Atomics.store(this.#turned, 0, process.hrtime.bigint())
    turn()
    this.#timer = setInterval(turn, this.#member.heartbeatIntervalMs).unref()
    try {
      const workerData: StandInWork = { options: this.#options, member: this.#member, turned: this.#turned }
      this.#worker = new Worker(new URL(`./stand-in-thread${extname(import.meta.url)}`, import.meta.url), { workerData })
      this.#worker.unref()
      // Without it members live as long as their loop turns.
      this.#worker.on('error', () => {})
    } catch {
      this.#worker = undefined
    }
  }
}
