import { embedded } from '@riacho/embedded'
import { aggregate, count, type OnError, RiachoError, rekey, suppress, table, text, to, topic, topology, toStream } from '@riacho/streams'
import { BrokerError, readDeadLetter, type Topology } from '@riacho/streams/engine'
import { describe, expect, it } from 'vitest'
import { app } from '../app.ts'
import { joined, read, type Sent, take, values, write } from '../trial.fixture.ts'
import { stopOf } from './stop.ts'

const source = topic('in', { key: text, value: text })
const refusing = { ...text, encode: (value: string) => text.encode(checked(value)), text: checked }
delete (refusing as { transient?: unknown }).transient

/** A serde's function that refuses one value. */
function checked(value: string): string {
  if (value.includes('bad')) throw new TypeError(`${value} is bad`)
  return value
}

async function laid(...rows: readonly Sent[]) {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'out', 'dead', 'put-aside'].map(name => ({ name, partitions: 1 })))
  await write(broker, 'in', ...rows)
  return broker
}

const three: readonly Sent[] = ['a', 'bad', 'c'].map(value => ({ key: 'k', value, at: 5 }))
const second = { topic: 'in', partition: 0, offset: 1 }

describe('a record that cannot be written', () => {
  const writing = (onError?: OnError): Topology =>
    topology('writing', source.pipe(to('out', { value: refusing, ...(onError !== undefined && { onError }) })))

  it('stops the application, with the place of the record that it was made of', async () => {
    const running = app(writing(), { broker: await laid(...three) })
    await running.start()
    await expect(running.done).rejects.toMatchObject({
      code: 'RIACHO_ENCODE',
      message: expect.stringContaining('bad is bad'),
      place: { node: 'out', ...second },
    })
  })

  it('skip: is counted, and the others are written', async () => {
    const broker = await laid(...three)
    const engine = await joined(writing('skip'), { broker })
    await take(engine)
    await engine.commitDue(true)
    expect([await values(broker, 'out'), engine.counters.dropped]).toEqual([['a', 'c'], { processing: 1 }])
    await engine.close()
  })

  it('dead letter: holds what came', async () => {
    const broker = await laid(...three)
    const engine = await joined(writing({ deadLetter: 'dead' }), { broker })
    await take(engine)
    await engine.commitDue(true)
    const [dead] = await read(broker, 'dead')
    expect([await values(broker, 'out'), dead?.value]).toEqual([['a', 'c'], 'bad'])
    expect(readDeadLetter(null, null, dead!.headers)).toMatchObject({ code: 'RIACHO_ENCODE', node: 'out', ...second })
    await engine.close()
  })

  it('for a topic or a partition that there is not, or whose function throws, is no other', async () => {
    const chosen = [
      to<string, string>('out', { onError: 'skip', partition: () => 7 }),
      to<string, string>(value => checked(value.value), { onError: 'skip' }),
      to<string, string>('out', { onError: 'skip', partition: ({ value }) => checked(value).length - 1 }),
    ]
    for (const end of chosen) {
      const broker = await laid({ key: 'k', value: 'bad' })
      const engine = await joined(topology('writing', source.pipe(end)), { broker })
      await take(engine)
      await engine.commitDue(true)
      expect(engine.counters.dropped).toEqual({ processing: 1 })
      await engine.close()
    }
  })
})

describe('what no stage’s policy is asked for', () => {
  const uncaught: Readonly<Record<string, Topology>> = {
    'a store whose serde refuses': topology(
      'stored',
      source.pipe(
        aggregate(
          'last',
          () => '',
          (value: string) => value,
          { value: refusing },
        ),
        toStream(),
        to('out'),
      ),
    ),
    'a repartition whose serde refuses': topology(
      'moved',
      source.pipe(
        rekey('moving', value => value, { value: refusing }),
        count('n'),
        toStream(),
        to('out'),
      ),
    ),
  }

  it.each(Object.entries(uncaught))('%s: stops the application, with the place of the record', async (_name, plan) => {
    const running = app(plan, { broker: await laid(...three) })
    await running.start()
    await expect(running.done).rejects.toMatchObject({
      name: 'RiachoError',
      place: second,
      message: expect.stringMatching(/in-0 offset 1.*bad is bad|bad is bad.*in-0 offset 1/),
      cause: { message: 'bad is bad' },
    })
    expect(running.state).toBe('ERROR')
  })

  it('is put aside by crashLoop when the application is started again and again', async () => {
    const [, plan] = Object.entries(uncaught)[0]!
    const broker = await laid(...three)
    const ended: string[] = []
    // Twice at any record, twice at the one that is known to be the next, and then it goes.
    for (let start = 0; start < 6; start++) {
      const running = app(plan, { broker, crashLoop: { startsMax: 1, onError: { deadLetter: 'put-aside' } } })
      await running.start()
      ended.push(await Promise.race([running.untilEnd().then(() => 'end'), running.done.then(() => 'stopped')]).catch(() => 'failed'))
      if (ended.at(-1) === 'end') await running.stop()
    }
    expect(ended).toEqual(['failed', 'failed', 'failed', 'failed', 'end', 'end'])
    expect([await values(broker, 'put-aside'), (await values(broker, 'out')).map(value => value?.replaceAll('"', ''))]).toEqual([
      ['bad'],
      ['a', 'c'],
    ])
  })
})

describe('stopOf', () => {
  const at = { topic: 'in', partition: 0, offset: 7 }

  it('leaves errors that say their place, and those of the broker', () => {
    for (const error of [new RiachoError('RIACHO_DECODE', 'no', { place: { ...at, offset: 3 } }), new BrokerError('AWAY', 'away')])
      expect(stopOf(error, '0_0', at)).toBe(error)
    const without = new RiachoError('RIACHO_DECODE', 'no')
    expect(stopOf(without, '0_0', null)).toBe(without)
  })

  it('tells others with task, record and cause', () => {
    const cause = new TypeError('no')
    expect(stopOf(cause, '0_1', at)).toMatchObject({
      code: 'RIACHO_PROCESSING',
      message: 'RIACHO_PROCESSING: task 0_1 failed at in-0 offset 7: no',
      place: at,
      cause,
    })
    expect(stopOf('thrown', '0_1', null)).toMatchObject({ message: 'RIACHO_PROCESSING: task 0_1 failed: thrown', place: {} })
    expect(stopOf(new RiachoError('RIACHO_ENCODE', 'no', { cause, place: { node: 'x' } }), '0_1', at)).toMatchObject({
      message: 'RIACHO_ENCODE: no (task 0_1 at in-0 offset 7)',
      place: { node: 'x', ...at },
      cause,
    })
  })
})

it('a row that its serde refuses at the commit says whose it is', async () => {
  const slow = table('in', { key: text, value: text }).pipe(
    suppress('slow', { until: 'timeLimit', limit: 10, value: refusing }),
    toStream(),
    to('out'),
  )
  const engine = await joined(topology('held', slow), { broker: await laid({ key: 'k', value: 'bad' }) })
  await take(engine)
  await expect(engine.commitDue(true)).rejects.toMatchObject({
    code: 'RIACHO_PROCESSING',
    message: "RIACHO_PROCESSING: task 0_0, writing what 'slow-store' held back, failed: bad is bad",
  })
  await engine.close()
})
