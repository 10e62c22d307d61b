import type { App, AppMetrics } from '@riacho/runtime'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** What the HTTP layer and the run share: one registry, and the one number that is pushed instead of read. */
export interface Metrics {
  readonly registry: Registry
  /** Tells of a commit and its duration in seconds. */
  committed(duration: number): void
}

type Label = Readonly<Record<string, string | number>>
/** Values of one metric, by their labels. */
type Read = (metrics: AppMetrics) => readonly (readonly [Label, number])[]

const states = ['CREATED', 'REBALANCING', 'RUNNING', 'PENDING_SHUTDOWN', 'NOT_RUNNING', 'PENDING_ERROR', 'ERROR'] as const
const one = (value: number): readonly [Label, number][] => [[{}, value]]
const by = (label: string, values: Readonly<Record<string, number>>) =>
  Object.entries(values).map(([name, value]) => [{ [label]: name }, value] as const)

const counters: Readonly<Record<string, readonly [help: string, labels: readonly string[], Read]>> = {
  riacho_records_in_total: ['Records taken from sources', [], m => one(m.recordsIn)],
  riacho_records_out_total: ['Records written to topics', [], m => one(m.recordsOut)],
  riacho_dead_letters_total: ['Records put aside, by dead letter topic', ['topic'], m => by('topic', m.deadLettersByTopic)],
  riacho_dropped_records_total: ['Records dropped, by reason', ['reason'], m => by('reason', m.dropped)],
  riacho_node_records_total: ['Records that entered a source or left through a sink', ['node'], m => by('node', m.nodes)],
  riacho_recoveries_total: ['Times that a task went back to its last commit', [], m => one(m.recoveries)],
}

const gauges: typeof counters = {
  riacho_lag_records: [
    'What is left to read: records of a topic, what a connector counts in',
    ['topic', 'partition'],
    m => m.lag.map(({ topic, partition, records }) => [{ topic, partition }, records]),
  ],
  riacho_held_records: ['Records inside asynchronous stages', [], m => one(m.held)],
  riacho_buffered_bytes: ['Bytes waiting in queues and producers', [], m => one(m.bufferedBytes)],
  riacho_state: [
    '1 for the state of the application, 0 for the others',
    ['state'],
    m => states.map(state => [{ state }, m.state === state ? 1 : 0]),
  ],
}

/** A registry that reads the application when it is scraped, beside the process's own metrics. */
export function makeMetrics(app: Pick<App, 'metrics'>, connectors?: { readonly failed: ReadonlyMap<string, number> }): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const [name, [help, labelNames, read]] of Object.entries(counters)) {
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset()
        for (const [labels, value] of read(app.metrics())) this.inc(labels, value)
      },
    })
  }
  for (const [name, [help, labelNames, read]] of Object.entries(gauges)) {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset()
        for (const [labels, value] of read(app.metrics())) this.set(labels, value)
      },
    })
  }
  if (connectors !== undefined) {
    new Gauge({
      name: 'riacho_connector_failures',
      help: 'A connector of Kafka Connect and its tasks: how many of them have failed',
      labelNames: ['connector'],
      registers: [registry],
      collect() {
        this.reset()
        for (const [connector, failed] of connectors.failed) this.set({ connector }, failed)
      },
    })
  }
  const commits = new Histogram({
    name: 'riacho_commit_duration_seconds',
    help: 'Commits and how long they took',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  })
  return { registry, committed: duration => commits.observe(duration) }
}
