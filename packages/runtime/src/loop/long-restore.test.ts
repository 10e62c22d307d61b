import { embedded } from '@riacho/embedded'
import { reduce, text, to, topic, topology, toStream } from '@riacho/streams'
import { type Broker, BrokerError, type GroupCallbacks } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { app } from '../app.ts'
import { Line } from '../line.fixture.ts'
import type { AppOptions } from '../options.ts'
import { joined, numbered, read, take, until, write } from '../trial.fixture.ts'

const partitions = 4
const all = Array.from({ length: partitions }, (_, partition) => ({ topic: 'in', partition }))
const plan = topology(
  'long',
  topic('in', { key: text, value: text }).pipe(
    reduce('sums', (sum, value) => `${sum} ${value}`, { value: text }),
    toStream(),
    to('out'),
  ),
)
const away = new BrokerError('UNKNOWN_MEMBER_ID', 'the group knows nothing of this member', { fenced: true })

const load = (from: number) =>
  all.flatMap(({ partition }) => numbered(3, [`key${partition}`], from).map(record => ({ ...record, partition })))

/** A broker with state in the application's changelogs, and input beyond it; and a line on which no restore comes to its end until it is told to go on. */
async function laid() {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'out'].map(name => ({ name, partitions })))
  await write(broker, 'in', ...load(0))
  const first = app(plan, { broker, guarantee: 'exactly-once' })
  await first.start()
  await first.untilEnd()
  await first.stop()
  await write(broker, 'in', ...load(3))
  const line = new Line(broker)
  let restoring = 0
  line.polled = slices => {
    restoring++
    for (const slice of slices) slice.release()
    return []
  }
  const stands = () => until('it restores', () => restoring > 2)
  return { broker, line, stands, goOn: () => (line.polled = slices => slices) }
}

/** An application that is told what the test says, as if its group did. */
function told(line: Line) {
  let group!: GroupCallbacks
  const broker: Broker = {
    ...line.broker,
    join: (options, on) => {
      group = on
      return line.broker.join(options, on)
    },
  }
  const running = app(plan, { broker, guarantee: 'exactly-once' })
  running.done.catch(() => {})
  return { running, group: () => group }
}

const whole = async (broker: Broker) => {
  for (const { partition } of all)
    expect((await read(broker, 'out')).filter(row => row.key === `key${partition}`).at(-1)?.value).toBe('0 1 2 3 4 5')
  expect(await read(broker, 'out')).toHaveLength(partitions * 6)
}

it('gives up what it still restores when another member comes, and restores the rest', async () => {
  const { broker, line, stands } = await laid()
  const first = app(plan, { broker: line.broker, guarantee: 'exactly-once' })
  const started = first.start().catch((thrown: { code: string }) => thrown.code)
  await stands()
  const second = app(plan, { broker, guarantee: 'exactly-once' })
  await second.start()
  await until('the second works on its half', () => second.metrics().recordsIn === 6)
  expect([first.state, second.metrics().lag.length]).toEqual(['REBALANCING', 2])
  await first.stop()
  expect([first.state, await started]).toEqual(['NOT_RUNNING', 'RIACHO_STATE'])
  await second.untilEnd()
  await second.stop()
  await whole(broker)
  expect(broker.loans).toBe(0)
})

it('a member that is lost while it restores starts with what it is given then', async () => {
  const { broker, line, stands, goOn } = await laid()
  const { running, group } = told(line)
  const started = running.start()
  await stands()
  group().lost(all, away)
  await group().assigned([])
  goOn()
  await group().assigned(all)
  await started
  expect(running.state).toBe('RUNNING')
  await running.untilEnd()
  await running.stop()
  await whole(broker)
})

it('a member that is lost again and again does not start', async () => {
  const { line, stands } = await laid()
  const { running, group } = told(line)
  const started = running.start().catch((thrown: unknown) => thrown)
  await stands()
  // lossesMax is 5.
  for (let losses = 1; losses <= 5; losses++) group().lost(all, away)
  expect(running.state).toBe('REBALANCING')
  group().lost(all, away)
  expect(await started).toBe(away)
})

it('commits what is open before it restores, which may take longer than a transaction may be open', async () => {
  const { line, goOn } = await laid()
  goOn()
  const options: AppOptions = { broker: line.broker, guarantee: 'exactly-once', commitIntervalMs: 50_000 }
  const engine = await joined(plan, options)
  await engine.revoke(all.slice(0, 1))
  await take(engine)
  line.calls.length = 0
  engine.expect(all.slice(0, 1))
  await engine.open()
  expect(line.calls).toEqual([...Array.from({ length: 3 }, () => 'send offsets'), ...Array.from({ length: 3 }, () => 'commit'), 'producer'])
  await engine.close()
})
