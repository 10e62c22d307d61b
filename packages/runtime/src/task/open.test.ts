import { embedded } from '@riacho/embedded'
import { mapValues, text, to, topic, topology } from '@riacho/streams'
import { BrokerError } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { type Call, Line } from '../line.fixture.ts'
import { joined, numbered, take, values, write } from '../trial.fixture.ts'

const plan = topology(
  'opening',
  topic('in', { key: text, value: text }).pipe(
    mapValues(value => value),
    to('out', { value: text }),
  ),
)

async function laid(fails: (call: Call, times: number) => BrokerError | undefined) {
  const broker = await embedded()
  await broker.admin.createTopics(['in', 'out'].map(name => ({ name, partitions: 1 })))
  await write(broker, 'in', ...numbered(3))
  const line = new Line(broker)
  let times = 0
  let producers = 0
  line.before = call => {
    if (call === 'producer') producers++
    const failure = call === 'committed' ? fails(call, ++times) : undefined
    if (failure !== undefined) throw failure
  }
  return { broker, line, asked: () => times, producers: () => producers }
}

const away = new BrokerError('COORDINATOR_NOT_AVAILABLE', 'the coordinator moves', { retriable: true })

it('a task that cannot be opened just now is opened a little later, with a new epoch of its producer', async () => {
  const { broker, line, asked, producers } = await laid((_call, times) => (times <= 2 ? away : undefined))
  const engine = await joined(plan, { broker: line.broker, guarantee: 'exactly-once' })
  expect([asked(), producers()]).toEqual([3, 3])
  await take(engine)
  await engine.commitDue(true)
  expect(await values(broker, 'out')).toEqual(['0', '1', '2'])
  await engine.close()
})

it('what does not pass stops the start: at once, or after failedOpensMax times', async () => {
  const never = await laid(() => new BrokerError('GROUP_AUTHORIZATION_FAILED', 'not allowed'))
  await expect(joined(plan, { broker: never.line.broker })).rejects.toMatchObject({ code: 'GROUP_AUTHORIZATION_FAILED' })
  expect(never.asked()).toBe(1)
  const long = await laid(() => away)
  const clock = { now: () => 0, sleep: () => Promise.resolve() }
  await expect(joined(plan, { broker: long.line.broker, clock })).rejects.toMatchObject({ code: 'COORDINATOR_NOT_AVAILABLE' })
  expect(long.asked()).toBe(6)
})
