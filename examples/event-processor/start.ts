import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { configure, explained, type Running, run, type Settings } from 'riacho'
import { writeEvents } from './generate.ts'
import { paced } from './paced.ts'
import { drawing, lagOf, refreshing, statusLine, stored, summary } from './show.ts'

const usage = 'npm start -- [--until-end] [--rate LINES_PER_SECOND] [--data-dir DIR] [--http-port PORT]'
const eventsGenerated = 10_000
const refresh = 1000

function options() {
  const { values } = parseArgs({
    options: {
      'until-end': { type: 'boolean' },
      rate: { type: 'string' },
      'data-dir': { type: 'string' },
      'http-port': { type: 'string' },
    },
  })
  const rate = values.rate === undefined ? Number.POSITIVE_INFINITY : Number(values.rate)
  if (!(rate > 0)) throw new Error(`--rate is ${values.rate}: give lines per second, above 0`)
  return { untilEnd: values['until-end'] ?? false, rate, dataDir: values['data-dir'], httpPort: values['http-port'] }
}

/** Our defaults are weaker than the environment; a quiet log leaves the terminal to the status. */
const settingsOf = (flags: { dataDir: string | undefined; httpPort: string | undefined }, directory: string): Settings =>
  configure({
    environment: {
      RIACHO_DATA_DIR: directory,
      RIACHO_GUARANTEE: 'exactly-once',
      RIACHO_KEEP_STREAM_TIME: 'true',
      RIACHO_LOG_LEVEL: 'warn',
      ...process.env,
    },
    flags,
  })

function introduce({ settings, url, directory }: Running, plan: readonly string[], found: string): void {
  const lines = [
    `Riacho on Node ${process.version}: events.txt → validate → triage, count per minute → SQLite and queues`,
    ...plan,
    `events     ${found}`,
    `guarantee  ${settings.guarantee}, on the embedded broker in ${directory}`,
    `metrics    ${url}/metrics`,
    `health     ${url}/health/ready`,
  ]
  console.log(lines.join('\n'))
}

function hints(directory: string, again: string): string {
  const event = { uid: 'mine', context: 'monitoramento', event_type: 'INSERT', client: 'Client_A', created_at: new Date().toISOString() }
  return [
    'Try, in another terminal:',
    `  echo '${JSON.stringify(event)}' >> '${join(directory, 'events.txt')}'`,
    `  npx riacho consume events-invalid --from-beginning --max 1 --data-dir '${directory}'`,
    `  kill -9 ${process.pid} && ${again}`,
  ].join('\n')
}

/** Shows the status once a second, and the hints when all lines have been processed. Returns what ends it. */
function watch({ app, directory }: Running, again: string): () => void {
  const line = refreshing(text => process.stdout.write(text), process.stdout.isTTY === true)
  let hinted = false
  const timer = setInterval(() => {
    const metrics = app.metrics()
    line.show(statusLine(metrics, stored(directory)))
    if (hinted || lagOf(metrics) !== 0) return
    hinted = true
    line.end()
    console.log(hints(directory, again))
  }, refresh)
  return () => {
    clearInterval(timer)
    line.end()
  }
}

async function start(): Promise<void> {
  const { untilEnd, rate, ...flags } = options()
  // Imported here, so that what it refuses, such as a schema file, is told like any other error.
  const { defaultDirectory, embedded } = await import('./embedded.ts')
  const settings = settingsOf(flags, defaultDirectory)
  const directory = settings.dataDir!
  const events = join(directory, 'events.txt')
  const isNew = !existsSync(events)
  mkdirSync(directory, { recursive: true })
  if (isNew) writeEvents(events, { events: eventsGenerated })
  const topology = embedded(directory, lines => (Number.isFinite(rate) ? paced(lines, rate) : lines))
  let running: Running | undefined
  let unwatch = (): void => {}
  const onRunning = (now: Running): void => {
    running = now
    introduce(now, drawing(topology), `${events}${isNew ? `, ${eventsGenerated.toLocaleString('en')} generated` : ''}`)
    if (!untilEnd) unwatch = watch(now, directory === defaultDirectory ? 'npm start' : `npm start -- --data-dir '${directory}'`)
  }
  try {
    await run(topology, { settings, untilEnd, onRunning })
  } finally {
    unwatch()
  }
  if (running !== undefined) console.log(summary(running.app.metrics(), stored(directory)).join('\n'))
}

// `npm start | head` closes the pipe: nobody looks any more, so this ends as at Ctrl-C.
process.stdout.once('error', () => process.kill(process.pid, 'SIGTERM')).on('error', () => {})

try {
  await start()
} catch (thrown) {
  const isUsage = (thrown as { code?: unknown }).code?.toString().startsWith('ERR_PARSE_ARGS') === true
  console.error(isUsage ? `${(thrown as Error).message}\n${usage}` : explained(thrown))
  process.exit(isUsage ? 2 : 1)
}
