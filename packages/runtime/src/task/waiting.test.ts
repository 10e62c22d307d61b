import { embedded } from '@riacho/embedded'
import { globalTable, join, lookup, reduce, table, text, to, topic, topology } from '@riacho/streams'
import { NotReady, type Serde } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { committed, Gate, joined, read, take, until, values, write } from '../trial.fixture.ts'

/** A serde that cannot read what begins with `?` until its gate is open, as one whose schema is asked for. */
class Schema implements Serde<string> {
  readonly gate = new Gate()
  tries = 0
  prepared = 0
  #known = false

  encode(value: string): Uint8Array {
    return text.encode(value)
  }

  decode(bytes: Uint8Array): string {
    const value = text.decode(bytes)
    if (value.startsWith('?') && !this.#known) {
      this.tries++
      throw new NotReady('schema 7 is asked for', this.gate.opened)
    }
    return value
  }

  async prepare(): Promise<void> {
    this.prepared++
  }

  open(): void {
    this.#known = true
    this.gate.open()
  }
}

const made = async (...topics: readonly (readonly [name: string, partitions: number])[]): ReturnType<typeof embedded> => {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(topics.map(([name, partitions]) => ({ name, partitions })))
  return broker
}

it('a record whose schema is asked for is waited for: the other partitions go on, and no commit passes it', async () => {
  const broker = await made(['in', 2], ['out', 2], ['dead', 1])
  const schema = new Schema()
  const events: string[] = []
  const plan = topology('wait', topic('in', { key: text, value: schema, onError: { deadLetter: 'dead' } }).pipe(to('out')))
  await write(broker, 'in', { key: 'a', value: '1' }, { key: 'a', value: '?2' }, { key: 'a', value: '3' })
  await write(broker, 'in', { key: 'b', value: '4', partition: 1 }, { key: 'b', value: '5', partition: 1 })
  const engine = await joined(plan, { broker, log: ({ message }) => events.push(message) })
  expect(schema.prepared).toBe(1)
  await take(engine)
  await write(broker, 'in', { key: 'b', value: '6', partition: 1 })
  await take(engine)
  await engine.commitDue(true)
  expect((await values(broker, 'out')).toSorted()).toEqual(['1', '4', '5', '6'])
  expect([await committed(broker, 'wait', 'in', 0), await committed(broker, 'wait', 'in', 1)]).toEqual([1, 3])
  expect(await engine.atEnd()).toBe(false)
  expect([schema.tries, events.filter(message => message.includes('schema 7'))]).toEqual([
    1,
    ["'in' waits at offset 1: schema 7 is asked for"],
  ])
  schema.open()
  await schema.gate.opened
  await take(engine)
  await engine.commitDue(true)
  expect((await read(broker, 'out')).filter(({ key }) => key === 'a').map(({ value }) => value)).toEqual(['1', '?2', '3'])
  expect(await committed(broker, 'wait', 'in', 0)).toBe(3)
  expect(await values(broker, 'dead')).toEqual([])
  await engine.close()
  expect(broker.loans).toBe(0)
})

it('a task with two inputs does not go past the one that waits', async () => {
  const broker = await made(['orders', 1], ['prices', 1], ['out', 1])
  const schema = new Schema()
  const prices = table('prices', { key: text, value: schema })
  const orders = topic('orders', { key: text, value: text })
  const plan = topology(
    'two',
    orders.pipe(
      join(prices, (order, price) => `${order} ${price}`),
      to('out', { value: text }),
    ),
  )
  await write(broker, 'prices', { key: 'a', value: '?9', at: 1 })
  await write(broker, 'orders', { key: 'a', value: 'one', at: 2 })
  const engine = await joined(plan, { broker })
  await take(engine)
  expect(await values(broker, 'out')).toEqual([])
  schema.open()
  await schema.gate.opened
  await take(engine)
  await engine.commitDue(true)
  expect(await values(broker, 'out')).toEqual(['one ?9'])
  await engine.close()
})

it('what waits is given back when its task closes', async () => {
  const broker = await made(['in', 1], ['out', 1])
  const schema = new Schema()
  await write(broker, 'in', { key: 'a', value: '?1' })
  const engine = await joined(topology('closing', topic('in', { key: text, value: schema }).pipe(to('out'))), { broker })
  await take(engine)
  await engine.close()
  expect(broker.loans).toBe(0)
  schema.open()
})

it('a global table that waits while it runs holds nothing up, and one that waits at the start is loaded first', async () => {
  const broker = await made(['names', 1], ['in', 1], ['out', 1])
  const schema = new Schema()
  const names = globalTable('names', { key: text, value: schema })
  const plan = topology(
    'global',
    topic('in', { key: text, value: text }).pipe(
      lookup(
        names,
        (_, { key }) => key,
        (value, name) => `${value} ${name}`,
      ),
      to('out', { value: text }),
    ),
  )
  await write(broker, 'names', { key: 'a', value: 'ana' })
  const engine = await joined(plan, { broker })
  await write(broker, 'names', { key: 'a', value: '?nova' }, { key: 'a', value: 'last' })
  await write(broker, 'in', { key: 'a', value: '1' })
  await take(engine)
  await engine.commitDue(true)
  expect(await values(broker, 'out')).toEqual(['1 ana'])
  const second = joined(plan, { broker })
  await until('the second start waits', () => schema.tries > 1)
  schema.open()
  await (await second).close()
  await take(engine)
  await take(engine)
  await write(broker, 'in', { key: 'a', value: '2' })
  await take(engine)
  await engine.commitDue(true)
  expect(await values(broker, 'out')).toEqual(['1 ana', '2 last'])
  await engine.close()
  expect(broker.loans).toBe(0)
})

it('a restore waits, and not for ever', async () => {
  const broker = await made(['in', 1], ['out', 1])
  const schemas: Schema[] = []
  const plan = () => {
    const schema = new Schema()
    schemas.push(schema)
    const lines = topic('in', { key: text, value: text })
    return topology('back', lines.pipe(reduce('joined', (sum, value) => sum + value, { value: schema })))
  }
  await write(broker, 'in', { key: 'a', value: '?1' }, { key: 'b', value: '2' })
  const first = await joined(plan(), { broker })
  schemas[0]!.open()
  await take(first)
  await first.commitDue(true)
  await first.close()
  const stalls = joined(plan(), { broker, limits: { restoreStallMs: 250 } })
  await until('the restore waits', () => schemas[1]!.tries > 0)
  await new Promise(resolve => setTimeout(resolve, 300))
  schemas[1]!.gate.open()
  await expect(stalls).rejects.toMatchObject({ code: 'RIACHO_RESTORE_STALLED', message: expect.stringContaining('schema registry') })
  const again = joined(plan(), { broker })
  await until('the restore waits', () => schemas[2]!.tries > 0)
  schemas[2]!.open()
  const engine = await again
  const store = engine.tasks[0]!.stores.get('joined') as unknown as { entries(): Iterable<readonly [string, { value: string }]> }
  expect([...store.entries()].map(([key, { value }]) => [key, value])).toEqual([
    ['a', '?1'],
    ['b', '2'],
  ])
  await engine.close()
})
