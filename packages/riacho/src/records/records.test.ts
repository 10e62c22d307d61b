import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embedded } from '@riacho/embedded'
import type { Broker } from '@riacho/streams/engine'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ConsumeOptions, consume } from './consume.ts'
import { formOf } from './forms.ts'
import { type Forms, plainLines, recordLines } from './line.ts'
import { lineBytesMax, linesOf } from './lines.ts'
import { type ProduceOptions, produce } from './produce.ts'

let broker: Broker
let folder: string
beforeEach(async () => {
  broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics([{ name: 'orders', partitions: 3 }])
  folder = mkdtempSync(join(tmpdir(), 'riacho-records-'))
})
afterEach(async () => {
  await broker.close()
  rmSync(folder, { recursive: true })
})

function fileOf(name: string, content: string | Buffer): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const place = { topic: 'orders', part: 'value' } as const
const formsOf = async (key: string, value: string): Promise<Forms> => ({ key: await formOf(key, place), value: await formOf(value, place) })

interface Line {
  readonly partition: number
  readonly offset: number
  readonly timestamp: string
  readonly key: unknown
  readonly value: unknown
  readonly headers: unknown
}

async function shown(options: Partial<ConsumeOptions> = {}, topic = 'orders'): Promise<Line[]> {
  const lines: Line[] = []
  await consume(broker, { topic, untilEnd: true, ...options }, line => void lines.push(JSON.parse(line) as Line))
  return lines
}

/** Writes lines, each a record. */
async function write(forms: Forms, lines: readonly string[], options: Partial<ProduceOptions> = {}): Promise<number> {
  return produce(broker, { topic: 'orders', from: fileOf('lines', lines.join('\n')), read: recordLines(forms), ...options })
}

const avroSchema = {
  type: 'record',
  name: 'Order',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'raw', type: 'bytes' },
  ],
}
const connectSchema = { type: 'struct', fields: [{ field: 'id', type: 'int64' }] }

describe('forms', () => {
  const schemas = () => ({
    avro: fileOf('order.avsc', JSON.stringify(avroSchema)),
    connect: fileOf('c.json', JSON.stringify(connectSchema)),
  })

  it.each<[form: string, value: unknown, bytes: string]>([
    ['text', 'ação', '61c3a7c3a36f'],
    ['text', { base64: '/w==' }, 'ff'],
    ['bytes', { base64: '/wA=' }, 'ff00'],
    ['json', { base64: 'AA==', n: [1, null] }, Buffer.from('{"base64":"AA==","n":[1,null]}').toString('hex')],
    ['long', 2 ** 40, '0000010000000000'],
    ['int64', -1, 'ffffffffffffffff'],
    ['int32', 7, '00000007'],
    ['double', 0.5, '3fe0000000000000'],
    ['float64', -2, 'c000000000000000'],
    ['avro-file', { id: 3, raw: { base64: '/w==' } }, '0602ff'],
    ['connect-json', { id: 5 }, Buffer.from(JSON.stringify({ schema: connectSchema, payload: { id: 5 } })).toString('hex')],
  ])('%s writes %j and reads it again', async (name, value, bytes) => {
    const { avro, connect } = schemas()
    const argument = { 'avro-file': `=${avro}`, 'connect-json': `=${connect}` }[name] ?? ''
    const forms = await formsOf('text', `${name}${argument}`)
    await write(forms, [JSON.stringify({ value })])
    expect((await shown({ forms: await formsOf('text', 'bytes') }))[0]!.value).toEqual({
      base64: Buffer.from(bytes, 'hex').toString('base64'),
    })
    expect((await shown({ forms }))[0]!.value).toEqual(value)
  })

  it('debezium reads the changes of rows', async () => {
    const change = { op: 'c', before: null, after: { id: 1 }, source: {}, ts_ms: 5 }
    await write(await formsOf('text', 'json'), [JSON.stringify({ value: change })])
    expect((await shown({ forms: await formsOf('text', 'debezium') }))[0]!.value).toEqual(change)
    await expect(write(await formsOf('text', 'debezium'), [JSON.stringify({ value: change })])).rejects.toMatchObject({
      code: 'RIACHO_INPUT',
    })
  })

  it.each([
    ['poem', 'no form'],
    ['json=x', 'no form'],
    ['constructor', 'no form'],
    ['avro', '--registry'],
    ['avro-file=missing.avsc', 'no schema'],
  ])('refuses %s', async (name, why) => {
    await expect(formOf(name, place)).rejects.toMatchObject({ code: 'RIACHO_FORM', message: expect.stringContaining(why) })
  })
})

describe('produce', () => {
  it('writes what consume prints', async () => {
    const forms = await formsOf('text', 'json')
    const lines = [
      {
        key: 'a',
        value: { n: 1 },
        timestamp: '2026-11-21T00:00:00.000Z',
        partition: 2,
        headers: [
          ['h', 'x'],
          ['h', null],
        ],
      },
      { key: null, value: null, timestamp: 5, headers: { raw: { base64: '/w==' } } },
      { value: 'alone' },
    ]
    expect(
      await write(
        forms,
        lines.map(line => JSON.stringify(line)),
        { headers: [['all', Buffer.from('y')]], timestamp: 9, partition: 1 },
      ),
    ).toBe(3)
    const first = await shown({ forms })
    expect(first.sort((a, b) => b.partition - a.partition || a.offset - b.offset)).toMatchObject([
      {
        partition: 2,
        timestamp: '2026-11-21T00:00:00.000Z',
        key: 'a',
        value: { n: 1 },
        headers: [
          ['h', 'x'],
          ['h', null],
          ['all', 'y'],
        ],
      },
      {
        partition: 1,
        timestamp: '1970-01-01T00:00:00.005Z',
        key: null,
        value: null,
        headers: [
          ['raw', { base64: '/w==' }],
          ['all', 'y'],
        ],
      },
      { partition: 1, timestamp: '1970-01-01T00:00:00.009Z', key: null, value: 'alone', headers: [['all', 'y']] },
    ])
    await broker.admin.createTopics([{ name: 'copy', partitions: 3 }])
    await write(
      forms,
      first.map(line => JSON.stringify(line)),
      { topic: 'copy' },
    )
    const place = (lines: Line[]) =>
      lines.map(({ topic: _, ...line }: Line & { topic?: string }) => line).sort((a, b) => b.partition - a.partition || a.offset - b.offset)
    expect(place(await shown({ forms }, 'copy'))).toEqual(place(first))
  })

  it('makes the topic that is not there', async () => {
    await write(await formsOf('text', 'text'), ['{"value":"v"}'], { topic: 'new' })
    expect(await shown({}, 'new')).toMatchObject([{ value: 'v' }])
  })

  it.each<[line: string, value: string, why: string]>([
    ['{"value":', 'text', 'JSON'],
    ['[1]', 'text', 'no object'],
    ['{"key":"k"}', 'text', 'no value'],
    ['{"value":"v","vlaue":1}', 'text', "'vlaue'"],
    ['{"value":1}', 'text', 'its value'],
    ['{"value":{"base64":"?"}}', 'bytes', 'no base64'],
    ['{"value":1.5}', 'long', 'whole number'],
    ['{"value":9007199254740993}', 'long', 'whole number'],
    ['{"value":"v","headers":[["h"]]}', 'text', 'no pair'],
    ['{"value":"v","headers":"h"}', 'text', 'no list'],
    ['{"value":"v","headers":{"h":5}}', 'text', 'header h'],
    ['{"value":"v","headers":{"h":{"base64":"?"}}}', 'text', 'no base64'],
    ['{"value":"v","timestamp":"noon"}', 'text', 'no time'],
    ['{"value":"v","partition":-1}', 'text', 'whole number'],
    ['{"value":"v","partition":3}', 'text', 'no partition 3'],
  ])('ends at the line %s of %s, and says what is written', async (bad, value, why) => {
    const good = value === 'long' ? '{"value":1}' : value === 'bytes' ? '{"value":{"base64":"AA=="}}' : '{"value":"v"}'
    const failed = write(await formsOf('text', value), [good, good, bad, good])
    await expect(failed).rejects.toMatchObject({ code: 'RIACHO_INPUT', message: expect.stringContaining(why) })
    await expect(failed).rejects.toThrow(/line 3: .*the 2 lines before it were written, nothing after them/)
    expect(await shown()).toHaveLength(2)
  })

  it('says what is written when the broker fails', async () => {
    const failing: Broker = {
      ...broker,
      admin: broker.admin,
      producer: async options => {
        const producer = await broker.producer(options)
        producer.flush = () => Promise.reject(new Error('gone'))
        return producer
      },
    }
    const from = fileOf('lines', 'a\nb\n')
    const read = plainLines(await formsOf('text', 'text'), undefined)
    await expect(produce(failing, { topic: 'orders', from, read })).rejects.toMatchObject({
      code: 'RIACHO_PRODUCE',
      message: expect.stringMatching(/0 lines were written, lines 1 to 2 may be, in part: gone/),
    })
  })

  it('reads plain lines as their form says', async () => {
    const forms = await formsOf('long', 'json')
    const read = plainLines(forms, ': ')
    expect(read(Buffer.from('5: {"a": 1}'))).toEqual({ key: Buffer.from('0000000000000005', 'hex'), value: Buffer.from('{"a": 1}') })
    expect(() => read(Buffer.from('5: {'))).toThrow(SyntaxError)
    expect(plainLines(await formsOf('text', 'bytes'), undefined)(Buffer.from('/w=='))).toEqual({ key: null, value: Buffer.from([255]) })
  })
})

describe('consume', () => {
  beforeEach(async () => {
    const lines = Array.from({ length: 9 }, (_, i) => JSON.stringify({ value: `v${i}`, timestamp: i * 1000, partition: i % 3 }))
    await write(await formsOf('text', 'text'), lines)
  })
  const values = async (options: Partial<ConsumeOptions>): Promise<unknown[]> => (await shown(options)).map(({ value }) => value).sort()

  it.each<[Partial<ConsumeOptions>, readonly string[]]>([
    [{ fromOffset: 2 }, ['v6', 'v7', 'v8']],
    [{ partition: 1 }, ['v1', 'v4', 'v7']],
    [{ partition: 2, fromOffset: 1, max: 1 }, ['v5']],
    [{ since: 7000 }, ['v7', 'v8']],
    [{ fromGroup: 'nobody', partition: 0 }, ['v0', 'v3', 'v6']],
  ])('prints what %j asks for', async (options, wanted) => {
    expect(await values(options)).toEqual(wanted)
  })

  it('begins where a group is', async () => {
    const on = { assigned: async () => {}, revoked: async () => {}, lost: () => {} }
    const member = await broker.join({ group: 'readers', topics: ['orders'] }, on)
    await member.commit([{ topic: 'orders', partition: 0, offset: 2, metadata: '' }])
    expect(await values({ fromGroup: 'readers' })).toEqual(['v1', 'v2', 'v4', 'v5', 'v6', 'v7', 'v8'])
    await member.leave()
  })

  it('says where a record is that is not of its form, and what topics do not have', async () => {
    await expect(shown({ forms: await formsOf('text', 'json'), partition: 1 })).rejects.toMatchObject({
      code: 'RIACHO_UNREADABLE',
      message: expect.stringMatching(/value of orders-1 offset 0 .*--value bytes/),
    })
    await expect(shown({ fromOffset: 4 })).rejects.toMatchObject({ code: 'RIACHO_TOPIC', message: expect.stringContaining('ends at 3') })
    await expect(shown({ partition: 3 })).rejects.toMatchObject({ code: 'RIACHO_TOPIC' })
  })
})

describe('lines', () => {
  const all = async (path: string): Promise<string[]> => {
    const found: string[] = []
    for await (const lines of linesOf(path)) found.push(...lines.map(String))
    return found
  }
  const seed = Number(process.env.RIACHO_SEED ?? Math.floor(Math.random() * 2 ** 31))

  it(`are those of the file, wherever its pieces end (RIACHO_SEED=${seed})`, async () => {
    const line = fc.oneof(fc.string(), fc.constant('x'.repeat(70_000))).map(each => each.replace(/[\r\n]/g, ' '))
    const property = fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 8 }), fc.constantFrom('\n', '\r\n'), async (lines, end) => {
      expect(await all(fileOf('lines', lines.map(each => `${each}${end}`).join('')))).toEqual(lines)
    })
    await fc.assert(property, { seed, numRuns: 50 })
  })

  it('have a limit', async () => {
    await expect(all(fileOf('long', Buffer.alloc(lineBytesMax + 1, 'x')))).rejects.toThrow('is it text?')
  })
})
