import { join } from 'node:path'
import { type ConnectorWatch, connectCluster, watchConnectors } from '@riacho/connect'
import { type App, type AppEvent, externalTopics, app as makeApp } from '@riacho/runtime'
import { type Topology, warnings } from '@riacho/streams'
import type { Broker } from '@riacho/streams/engine'
import { dataRoot, openBroker } from './broker.ts'
import { clusterOf } from './cluster.ts'
import { configure, type Settings } from './configuration.ts'
import { failure } from './errors.ts'
import { serveHttp } from './http.ts'
import { type Logger, makeLog } from './log.ts'
import { type Metrics, makeMetrics } from './metrics.ts'
import { stopSignal } from './signals.ts'
import { storesOf } from './stores.ts'

/** How a topology is run. */
export interface RunOptions {
  /** Default: what the environment and `riacho.config.json` say. */
  readonly settings?: Settings
  /** Ends when all input that there is has been processed and committed, instead of staying. */
  readonly untilEnd?: boolean
  /** Told once, when the application runs. */
  readonly onRunning?: (running: Running) => void
}

/** What a run is made of. */
export interface Running {
  readonly app: App
  readonly broker: Broker
  readonly settings: Settings
  /** Of metrics and health, such as `http://127.0.0.1:9095`. */
  readonly url: string
  /** Where the embedded broker keeps its data. */
  readonly directory: string
}

/**
 * Runs a topology until SIGINT, SIGTERM or, with `untilEnd`, the end of its input: opens the broker, serves metrics and health, and at the end finishes what is in
 * work, commits and leaves. Resolves when all is closed; rejects with what stopped the application.
 *
 * @example
 * await run(topology('orders', …), { settings: configure({ flags: { guarantee: 'exactly-once' } }) })
 */
export async function run(topology: Topology, options: RunOptions = {}): Promise<void> {
  // First of all: the first process of a container is not ended by a signal that nobody listens to.
  const stopping = stopSignal()
  try {
    await running(topology, options, stopping.first)
  } finally {
    stopping.dispose()
  }
}

async function running(topology: Topology, options: RunOptions, stopped: Promise<string>): Promise<void> {
  const settings = options.settings ?? configure({ environment: process.env })
  const log = makeLog({ level: settings.logLevel })
  for (const { node, message } of warnings(topology)) log.warn({ node }, message)
  const directory = settings.dataDir ?? join(dataRoot, topology.id)
  const cluster = clusterOf({ ...settings, environment: process.env })
  for (const warning of cluster?.warnings ?? []) log.warn(warning)
  const broker = await openBroker({ cluster, client: settings.client, directory })
  let watch: ConnectorWatch | undefined
  try {
    if (cluster === undefined) await createTopics(broker, topology)
    let metrics: Metrics | undefined
    const stores = await storesOf(settings.stateStore, directory)
    const app = makeApp(topology, {
      broker,
      ...engineSettings(settings),
      ...(stores && { stores }),
      log: event => metrics && tell(event, log, metrics),
    })
    watch = await watchOf(settings)
    metrics = makeMetrics(app, watch)
    const troubles = () => watch?.reasons ?? []
    const http = await serveHttp({ app, registry: metrics.registry, troubles, host: settings.httpHost, port: settings.httpPort })
    log.info({ url: http.url, topology: topology.id, guarantee: settings.guarantee ?? 'at-least-once' }, 'metrics and health are served')
    try {
      const told = { app, broker, settings, url: http.url, directory }
      await live(app, settings, { untilEnd: options.untilEnd ?? false, stopped, onRunning: () => options.onRunning?.(told) })
    } finally {
      await http.close()
    }
  } finally {
    await watch?.stop()
    await broker.close()
  }
}

/** The connectors that are a part of the health. One try a look: the next one comes soon. */
async function watchOf({ connectUrl: url }: Settings): Promise<ConnectorWatch | undefined> {
  return url === undefined ? undefined : watchConnectors(connectCluster({ url, timeoutMs: 3000, retriesMax: 0 }))
}

/** On the embedded broker nobody else makes the topics that a plan reads and writes; those of a cluster belong to its people. */
async function createTopics(broker: Broker, plan: Topology): Promise<void> {
  await broker.admin.createTopics(externalTopics(plan).map(name => ({ name, partitions: 1 })))
}

/** What the engine takes of the settings: an absent one stays absent, so that the engine's default holds. */
function engineSettings({
  guarantee,
  commitIntervalMs,
  commitDrainMs,
  keepStreamTime,
  maxTaskIdleMs,
  offsetReset,
  replicationFactor,
  changelogAdditionalRetentionMs,
}: Settings) {
  return {
    ...(guarantee !== undefined && { guarantee }),
    ...(commitIntervalMs !== undefined && { commitIntervalMs }),
    ...(commitDrainMs !== undefined && { limits: { commitDrainMs } }),
    ...(keepStreamTime !== undefined && { keepStreamTime }),
    ...(maxTaskIdleMs !== undefined && { maxTaskIdleMs }),
    ...(offsetReset !== undefined && { offsetReset }),
    ...(replicationFactor !== undefined && { replicationFactor }),
    ...(changelogAdditionalRetentionMs !== undefined && { changelogAdditionalRetentionMs }),
  }
}

function tell({ level, message, ...facts }: AppEvent, log: Logger, metrics: Metrics): void {
  if (message === 'committed' && typeof facts.seconds === 'number') metrics.committed(facts.seconds)
  log[level](facts, message)
}

async function live(
  app: App,
  { shutdownTimeoutMs }: Settings,
  { untilEnd, stopped, onRunning }: { untilEnd: boolean; stopped: Promise<string>; onRunning: () => void },
): Promise<void> {
  const started = app.start().then(onRunning)
  const ended = started.then(() => (untilEnd ? Promise.race([app.untilEnd(), app.done]) : app.done))
  ended.catch(() => {})
  await Promise.race([ended, stopped])
  await inTime(app.stop(), shutdownTimeoutMs)
}

async function inTime(work: Promise<void>, durationMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const message = `stopping took longer than ${durationMs} ms; what was not committed is processed again: give a longer shutdownTimeoutMs, or look at what the sinks wait for`
    timer = setTimeout(() => reject(failure('RIACHO_SHUTDOWN_TIMEOUT', message)), durationMs)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
