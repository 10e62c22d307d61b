// The event processor while its servers fail, one way after the other. Everything is compared with a recomputation after each fault.
// node test/e2e/production-faults.ts [--seconds 60] [--rate 100] [--only WORD]
import { appendFileSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { generate } from '../../examples/event-processor/generate.ts'
import { until } from './event-processor.fixture.ts'
import { type Fault, Trial } from './production/faults.ts'
import type { System } from './production/system.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    rate: { type: 'string', default: '100' },
    only: { type: 'string', default: '' },
  },
})
const load = { seconds: Number(values.seconds), rate: Number(values.rate) }

/** A process that has not worked hard yet has heap to grow into. */
const warmFactor = 3

const isFulfilled = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  )

const faults: readonly Fault[] = [
  { name: 'nothing, to get warm', warming: true, begin: async () => async () => {} },
  {
    name: 'Cassandra is killed and comes back',
    async begin({ servers, ways }) {
      await servers.cassandra.kill()
      return async watch => {
        // The application does not reach it before it is known what was stored.
        await ways.cassandra.cut()
        await servers.cassandra.restart()
        await until(() => isFulfilled(watch.verify()), 'Cassandra can be asked', 60_000, 500)
        ways.cassandra.mend()
      }
    },
  },
  {
    name: 'Cassandra answers after two seconds',
    async begin({ ways }) {
      ways.cassandra.delay(2000)
      return async () => {
        // What it still holds back must not meet what comes after.
        await ways.cassandra.cut()
        ways.cassandra.mend()
      }
    },
  },
  {
    name: 'answers of Cassandra are lost after the write',
    async begin({ ways }) {
      const { lost } = ways.cassandra
      ways.cassandra.loseAnswers(200)
      return async () => {
        if (ways.cassandra.lost === lost) throw new Error('no answer was lost: raise --rate or --seconds')
        ways.cassandra.mend()
      }
    },
  },
  {
    name: 'ElasticMQ cannot be reached',
    async begin({ ways }) {
      await ways.sqs.down()
      return () => ways.sqs.up()
    },
  },
  {
    name: 'the schema registry cannot be reached',
    async begin({ ways }) {
      await ways.registry.down()
      return () => ways.registry.up()
    },
  },
  {
    name: 'an event is larger than a queue takes',
    async begin({ eventsFile }) {
      const event = JSON.parse(String([...generate({ events: 1, seed: 99 })][0])) as object
      appendFileSync(eventsFile, `${JSON.stringify({ ...event, note: 'x'.repeat(300_000) })}\n`)
      return async () => {}
    },
  },
  {
    name: 'the last tenth of the events comes again',
    async begin({ eventsFile }) {
      const lines = readFileSync(eventsFile, 'utf8').split('\n').slice(0, -1)
      appendFileSync(
        eventsFile,
        lines
          .slice(-Math.ceil(lines.length / 10))
          .map(line => `${line}\n`)
          .join(''),
      )
      return async () => {}
    },
  },
]

/** Milliseconds in which an application that cannot start says why. */
const refusalMax = 5000

/** The application does not start without the topic of its dead letters, and says so. */
async function startWithoutDeadLetters({ servers, startApp }: System): Promise<boolean> {
  const { address } = servers.kafka
  await servers.kafka.tool('org.apache.kafka.tools.TopicCommand', '--bootstrap-server', address, '--delete', '--topic', 'events-dead')
  const began = performance.now()
  const said = await startApp().then(
    app => app.stop().then(() => 'it started'),
    (error: Error) => error.message,
  )
  const took = performance.now() - began
  const refused = /RIACHO_TOPIC_MISSING: .*events-dead/.test(said) && took < refusalMax
  const seconds = (took / 1000).toFixed(1)
  console.log(
    refused
      ? `✓ it does not start without the topic of its dead letters, and says so after ${seconds} s`
      : `✗ without the topic of its dead letters, after ${seconds} s: ${said}`,
  )
  return refused
}

// Servers end with this process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

let [passed, failed] = [0, 0]
const trial = await Trial.start()
try {
  for (const fault of faults.filter(({ name, warming }) => warming || name.includes(values.only))) {
    const { checks, caughtUpAfter, growth, looks, verified } = await trial.run(
      fault,
      fault.warming ? { ...load, rate: load.rate * warmFactor } : load,
    )
    const wrong = checks.filter(check => check.wrong !== undefined)
    console.log(`${wrong.length === 0 ? '✓' : '✗'} ${fault.name}, for ${load.seconds} s`)
    console.log(
      `  caught up ${(caughtUpAfter / 1000).toFixed(1)} s after it, ${growth >> 20} MB more in memory; ${verified} committed events looked up so far, in ${looks} looks`,
    )
    for (const check of wrong) console.log(`  ✗ ${check.name}: ${check.wrong}`)
    passed += checks.length - wrong.length
    failed += wrong.length
  }
  if (await trial.withoutApp(startWithoutDeadLetters)) passed++
  else failed++
} finally {
  await trial.stop()
}
console.log(`${passed} passed, ${failed} failed`)
// The driver that looked at a Cassandra which was killed keeps a timer after its shutdown.
process.exit(failed === 0 ? 0 : 1)
