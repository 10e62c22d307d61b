import { reasonOf, type Topology } from '@riacho/streams/engine'
import type { Settings } from '../options.ts'
import type { EngineTask } from '../task/task.ts'
import { passedTopics } from './topics.ts'

/** Deletes from the repartition and retry topics what commits cover, now and then; they have no other end (Kafka Streams: `maybePurgeCommittedRecords`). */
export class Purge {
  readonly #settings: Settings
  readonly #own: ReadonlySet<string>
  #last: number
  #running = false

  constructor(plan: Topology, settings: Settings) {
    this.#settings = settings
    this.#own = new Set(passedTopics(plan))
    this.#last = settings.clock.now()
  }

  /** Deletes what is covered, if it is time. It never fails: what it leaves is deleted the next time. */
  async due(tasks: readonly EngineTask[]): Promise<void> {
    const { broker, clock, limits, log } = this.#settings
    const now = clock.now()
    if (this.#running || now - this.#last < limits.repartitionPurgeMs) return
    this.#last = now
    const covered = tasks.flatMap(task => task.committed.filter(({ topic, offset }) => this.#own.has(topic) && offset > 0))
    if (covered.length === 0) return
    this.#running = true
    try {
      await broker.admin.deleteRecords(covered)
    } catch (error) {
      log({ level: 'warn', message: `old records of repartition and retry topics could not be deleted: ${reasonOf(error)}` })
    } finally {
      this.#running = false
    }
  }
}
