import { kafka } from '@riacho/kafka'
import { type App, type AppOptions, app } from '@riacho/runtime'
import { json, text, to, topic, topology } from '@riacho/streams'
import { type Broker, readDeadLetter } from '@riacho/streams/engine'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { committed, type Read, read, values, write } from '../../../packages/runtime/src/trial.fixture.ts'
import type { KafkaServer } from '../../servers/kafka.ts'
import { credentials } from '../../servers/security.ts'
import { until } from '../event-processor.fixture.ts'
import { Operator } from './operator.ts'

const user = credentials['SCRAM-SHA-256']
/** By default two minutes, as Kafka's `delivery.timeout.ms`: for so long a topic that is not there is waited for, because one that was just made may not be known everywhere. */
const retryForMs = 1_000
/** Milliseconds in which an application stops: it tries for so long, and of what it asks before each try one answer may take as long. */
const stopsWithinMs = 2 * retryForMs + 3_000

/** What happens to a dead letter topic while an application runs, and how it is undone. */
interface Trouble {
  readonly name: string
  begin(operator: Operator, dead: string): Promise<void>
  end(operator: Operator, dead: string, broker: Broker): Promise<void>
  /** What the application says of it. */
  readonly code: string
}

const troubles: readonly Trouble[] = [
  {
    name: 'is deleted',
    begin: (operator, dead) => operator.delete(dead),
    end: (_, dead, broker) => broker.admin.createTopics([{ name: dead, partitions: 1 }]),
    code: 'RIACHO_TOPIC_MISSING',
  },
  {
    name: 'may no longer be written to',
    begin: (operator, dead) => operator.forbid(dead, user.username, 'WRITE'),
    end: (operator, dead) => operator.permit(dead),
    code: 'TOPIC_AUTHORIZATION_FAILED',
  },
  {
    name: 'takes less than a letter',
    begin: (operator, dead) => operator.limit(dead, 100),
    end: (operator, dead) => operator.limit(dead, 1 << 20),
    code: 'RIACHO_TOO_LARGE',
  },
]

const guarantees = [
  ['at-least-once', 2],
  ['exactly-once', 2],
  ['exactly-once', 1],
] as const

const cases = troubles.flatMap(trouble => guarantees.map(([guarantee, version]) => ({ trouble, guarantee, version, name: trouble.name })))

/** A dead letter topic that fails while an application runs. */
export function deadLetterTopicTests(server: () => KafkaServer, broker: () => Broker): void {
  let operator: Operator
  beforeAll(() => {
    operator = new Operator(server().address)
  })
  afterAll(() => operator.close())

  const clientOf = (transactionVersion: 1 | 2, patienceMs = retryForMs) =>
    kafka({
      brokers: [server().secure.sasl],
      tls: { ca: server().secure.certificate },
      sasl: { mechanism: 'SCRAM-SHA-256', ...user },
      transactionVersion,
      retryForMs: patienceMs,
    })

  stopTests({ broker, clientOf, operator: () => operator })

  it('a topic that may not be seen is told at the start', async () => {
    const scene = await Scene.made(broker(), 'hidden')
    await operator.forbid(scene.dead, user.username, 'DESCRIBE')
    const client = await clientOf(2)
    const began = performance.now()
    const why = { code: 'TOPIC_AUTHORIZATION_FAILED', message: expect.stringContaining(scene.dead) }
    await expect(scene.started(client, 'at-least-once')).rejects.toMatchObject(why)
    expect(performance.now() - began).toBeLessThan(5_000)
    await client.close()
    await operator.permit(scene.dead)
  })

  it.each(guarantees)('%s, transactions of version %i: a topic that is made again in time stops nothing', async (guarantee, version) => {
    const scene = await Scene.made(broker(), `dead-again-${guarantee}-${version}`)
    const client = await clientOf(version, 30_000)
    const running = await scene.started(client, guarantee)
    await write(broker(), scene.from, { key: null, value: 'bad' }, ...good('1'))
    await until(async () => (await read(broker(), scene.dead)).length === 1, 'the first dead letter', 20_000)
    await operator.delete(scene.dead)
    await write(broker(), scene.from, { key: null, value: 'worse' }, ...good('3'))
    await new Promise(resolve => setTimeout(resolve, 300))
    await broker().admin.createTopics([{ name: scene.dead, partitions: 1 }])
    await running.untilEnd()
    expect(await settled(broker(), scene.dead)).toMatchObject([{ value: 'worse' }])
    expect(await settled(broker(), scene.out)).toMatchObject([{ value: '1' }, { value: '3' }])
    expect(running.metrics().recoveries).toBe(0)
    await running.stop()
    await client.close()
  })
}

/** What the tests have of the cluster. */
interface Cluster {
  broker(): Broker
  operator(): Operator
  clientOf(transactionVersion: 1 | 2): Promise<Broker>
}

function stopTests({ broker, operator, clientOf }: Cluster): void {
  it.each(cases)(
    '$guarantee, transactions of version $version: when the topic $name, the next bad record stops the application, and is a dead letter after that is mended',
    async ({ trouble, guarantee, version }) => {
      const scene = await Scene.made(broker(), `${trouble.name.replaceAll(' ', '-')}-${guarantee}-${version}`)
      const { from, out, dead, name } = scene
      const client = await clientOf(version)
      const running = await scene.started(client, guarantee)
      await write(broker(), from, ...good('0', '1', '2'))
      await until(async () => (await committed(broker(), name, from)) === 3, 'what is good is committed', 20_000)

      await trouble.begin(operator(), dead)
      const began = performance.now()
      await write(broker(), from, { key: null, value: 'no JSON' }, ...good('4'))
      const why = { code: trouble.code, message: expect.stringContaining(dead) }
      await expect(running.done).rejects.toMatchObject(why)
      expect(performance.now() - began).toBeLessThan(stopsWithinMs)
      // As often as it is started.
      await expect(scene.ended(client, guarantee)).rejects.toMatchObject(why)
      await client.close()
      expect(await committed(broker(), name, from)).toBe(3)
      expect((await values(broker(), out)).slice(0, 3)).toEqual(['0', '1', '2'])

      await trouble.end(operator(), dead, broker())
      const again = await clientOf(version)
      const restarted = await scene.started(again, guarantee)
      await restarted.untilEnd()
      await restarted.stop()
      await again.close()
      const letters = (await settled(broker(), dead)).map(({ raw, headers }) => readDeadLetter(null, raw, headers))
      expect(letters).toMatchObject([{ code: 'RIACHO_DECODE', topic: from, offset: 3 }])
      const told = (await settled(broker(), out)).map(({ value }) => value)
      // At least once, what was written beside the letter is written again.
      expect(guarantee === 'exactly-once' ? told : [...new Set(told)]).toEqual(['0', '1', '2', '4'])
      expect(await committed(broker(), name, from)).toBe(5)
    },
  )
}

const good = (...numbers: string[]) => numbers.map(value => ({ key: null, value, at: Date.now() }))

/** What a topic holds when the markers of all transactions are written, which may be after their commit is answered. */
async function settled(broker: Broker, name: string): Promise<readonly Read[]> {
  const isSettled = async () => {
    const [ends] = await broker.admin.offsets([{ topic: name, partition: 0 }])
    return ends!.lastStable >= ends!.highWatermark
  }
  await until(isSettled, `${name} has the markers of its transactions`, 20_000)
  return read(broker, name)
}

/** An application whose records that are no JSON are dead letters, and its topics. */
class Scene {
  readonly name: string
  readonly from: string
  readonly out: string
  readonly dead: string

  private constructor(name: string) {
    this.name = name
    this.from = `${name}-in`
    this.out = `${name}-out`
    this.dead = `${name}-dead`
  }

  static async made(broker: Broker, name: string): Promise<Scene> {
    const scene = new Scene(name)
    await broker.admin.createTopics([scene.from, scene.out, scene.dead].map(each => ({ name: each, partitions: 1 })))
    return scene
  }

  async started(broker: Broker, guarantee: AppOptions['guarantee'] & string): Promise<App> {
    const lines = topic(this.from, { key: text, value: json<number>(), onError: { deadLetter: this.dead } })
    const running = app(topology(this.name, lines.pipe(to(this.out))), { broker, guarantee, commitIntervalMs: 100 })
    running.done.catch(() => {})
    await running.start()
    return running
  }

  async ended(broker: Broker, guarantee: AppOptions['guarantee'] & string): Promise<void> {
    await (await this.started(broker, guarantee)).done
  }
}
