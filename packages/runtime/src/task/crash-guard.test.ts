import { embedded } from '@riacho/embedded'
import { mapValues, text, to, topic, topology } from '@riacho/streams'
import { type Broker, type DeadLetter, readDeadLetter } from '@riacho/streams/engine'
import { describe, expect, it } from 'vitest'
import { Engine } from '../loop/engine.ts'
import { settings } from '../options.ts'
import { CrashGuard, type CrashLoopOptions } from './crash-guard.ts'

const values = ['a', 'b', 'c', 'd', 'e', 'kill', 'f', 'g', 'kill', 'h']

/** A function that "kills": the engine is dropped there without a commit, which is all that the broker sees of a dead process. */
const plan = topology(
  'guarded',
  topic('in', { key: text, value: text }).pipe(
    mapValues(value => {
      if (value === 'kill') throw new Error('killed')
      return value
    }),
    to('out', { value: text }),
  ),
)

async function filled(): Promise<Broker> {
  const broker = await embedded()
  await broker.admin.createTopics(['in', 'out', 'dead'].map(name => ({ name, partitions: 1 })))
  const producer = await broker.producer({})
  for (const value of values) producer.partition({ topic: 'in', partition: 0 }).append(1, null, value)
  await producer.flush()
  return broker
}

/** One life of the process: until everything is done, or until it dies. */
async function live(broker: Broker, crashLoop: CrashLoopOptions, guarantee: 'at-least-once' | 'exactly-once'): Promise<unknown> {
  const engine = new Engine(plan, settings({ broker, crashLoop, guarantee, commitIntervalMs: 60_000 }))
  await engine.join(
    work => work(),
    () => {},
  )
  try {
    while (!(await engine.atEnd())) {
      await engine.fetch(0)
      const taken = engine.process(1000, Number.POSITIVE_INFINITY)
      if (engine.failure !== undefined) return engine.failure
      await engine.commitDue(taken === 0)
    }
    return undefined
  } finally {
    await engine.close()
  }
}

async function read<T>(broker: Broker, topicName: string, each: (value: string, letter: DeadLetter) => T): Promise<T[]> {
  const fetcher = broker.fetcher({ isolation: 'read_committed' })
  fetcher.add({ topic: topicName, partition: 0 }, 0)
  const found: T[] = []
  for (const batches of await fetcher.poll(0)) {
    const cursor = batches.cursor()
    while (cursor.next()) {
      const value = cursor.valueFrame.subarray(cursor.valueStart, cursor.valueEnd)
      found.push(each(value.toString(), readDeadLetter(null, Uint8Array.from(value), cursor.headers())))
    }
    batches.release()
  }
  fetcher.close()
  return found
}

describe('a record that kills the process', () => {
  it.each(['at-least-once', 'exactly-once'] as const)('is put aside after startsMax careless and careful starts, %s', async guarantee => {
    const broker = await filled()
    let lives = 0
    while ((await live(broker, { startsMax: 2, onError: { deadLetter: 'dead' } }, guarantee)) !== undefined)
      expect(++lives).toBeLessThan(30)
    expect(await read(broker, 'out', value => value)).toEqual(expect.arrayContaining(values.filter(value => value !== 'kill')))
    const letters = await read(broker, 'dead', (value, letter) => [value, letter.code, letter.offset] as const)
    expect(letters).toEqual([
      ['kill', 'RIACHO_CRASH_LOOP', 5],
      ['kill', 'RIACHO_CRASH_LOOP', 8],
    ])
    if (guarantee === 'exactly-once') expect(await read(broker, 'out', value => value)).toHaveLength(8)
  })

  it('stops the application, naming the record, when that is the policy', async () => {
    const broker = await filled()
    let last: unknown
    for (let i = 0; i < 30; i++) last = await live(broker, { startsMax: 2, onError: 'fail' }, 'at-least-once')
    expect(last).toMatchObject({ code: 'RIACHO_CRASH_LOOP', place: { topic: 'in', partition: 0, offset: 5 } })
  })

  it('leaves an application alone that is only started and stopped', async () => {
    const broker = await filled()
    for (let i = 0; i < 10; i++) {
      const engine = new Engine(plan, settings({ broker, crashLoop: { startsMax: 1, onError: 'fail' } }))
      await engine.join(
        work => work(),
        () => {},
      )
      await engine.fetch(0)
      engine.forgetStarts()
      await engine.commitDue(true)
      expect(engine.tasks[0]?.guard).toMatchObject({ starts: 1, suspects: false, careful: false })
      await engine.close()
    }
  })

  it('trusts the input again after carefulRecordsMax records', () => {
    const guard = new CrashGuard({ startsMax: 1, onError: 'fail', carefulRecordsMax: 2 }, 1)
    expect(guard.careful).toBe(true)
    guard.took()
    expect(guard.careful).toBe(true)
    guard.took()
    expect(guard.careful).toBe(false)
  })
})
