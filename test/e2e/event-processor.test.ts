import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { embedded } from '@riacho/embedded'
import { afterEach, describe, expect, it } from 'vitest'
import { generate } from '../../examples/event-processor/generate.ts'
import {
  type Ended,
  example,
  expected,
  headerOf,
  node,
  outcome,
  query,
  readTopic,
  riachoFile,
  rowsStored,
  type Started,
  until,
} from './event-processor.fixture.ts'
import { differences, eventsDirectory, killRun, removeEvents, running } from './kill.fixture.ts'

const directories: string[] = []
const processes: Started[] = []
afterEach(async () => {
  for (const { child, ended } of processes.splice(0)) {
    child.kill('SIGKILL')
    await ended
  }
  for (const directory of directories.splice(0)) removeEvents(directory)
})

const entry = fileURLToPath(new URL('../../examples/event-processor/embedded.ts', import.meta.url))

function directoryOf(events: number, seed: number, late = false): string {
  const directory = eventsDirectory(events, seed, late)
  directories.push(directory)
  return directory
}

async function started(directory: string, ...args: string[]): Promise<Started> {
  const one = example(directory, ...args)
  processes.push(one)
  return running(one)
}

const untilEnd = async (directory: string): Promise<string> => {
  const { code, out, error } = await example(directory, '--until-end').ended
  expect({ code, error }).toEqual({ code: 0, error: '' })
  return out
}

/** All that there is equals what the file says. */
async function expectRecomputed(directory: string): Promise<void> {
  expect(differences(await outcome(directory), expected(directory))).toEqual([])
}

const metric = async (url: string, line: string): Promise<number | undefined> => {
  const text = await (await fetch(`${url}/metrics`)).text()
  const found = text.split('\n').find(one => one.startsWith(`${line} `))
  return found === undefined ? undefined : Number(found.slice(line.length))
}

const urlOf = ({ text }: Started): string => /http:\/\/\S+(?=\/metrics)/.exec(text.out)![0]

describe('10,000 lines', () => {
  it('become the rows, dead letters, topics and counts of the recomputation, once, over two starts', async () => {
    const directory = directoryOf(10_000, 1)
    expect(await untilEnd(directory)).toContain('this run   10,000 lines: 9,900 valid, 100 dead letters, 0 too late')
    await expectRecomputed(directory)
    await expectReasons(directory)

    appendFileSync(
      join(directory, 'events.txt'),
      Buffer.concat([...generate({ events: 500, seed: 2 })].flatMap(line => [line, Buffer.from('\n')])),
    )
    expect(await untilEnd(directory)).toContain('this run   500 lines')
    await expectRecomputed(directory)
    expect(await untilEnd(directory)).toContain('this run   0 lines')
    await expectRecomputed(directory)
  })

  it('leave those out of the counts that are later than grace, and the metric counts them', async () => {
    const directory = directoryOf(10_000, 3, true)
    const { late } = expected(directory)
    expect(late).toBe(100)
    const run = await started(directory)
    await until(async () => (await metric(urlOf(run), 'riacho_dropped_records_total{reason="late"}')) === late, `${late} late`, 20_000)
    run.child.kill('SIGTERM')
    expect(await run.ended).toMatchObject({ code: 0, out: expect.stringContaining('100 too late for their window') })
    await expectRecomputed(directory)
  })
})

/** Each dead letter says where its line was and what is wrong with it. */
async function expectReasons(directory: string): Promise<void> {
  const broker = await embedded({ directory, readOnly: true })
  const letters = await readTopic(broker, 'events-invalid')
  await broker.close()
  for (const { headers } of letters) {
    expect(headerOf(headers, '__streams.errors.topic')).toBe('events.txt')
    expect(headerOf(headers, '__streams.errors.exception')).toMatch(/^RIACHO_(DECODE|INVALID)$/)
    expect(headerOf(headers, '__streams.errors.message').length).toBeGreaterThan(10)
  }
}

describe('kill -9', () => {
  it('at three moments of a run: nothing is lost, doubled or out of order', async () => {
    const plan = { events: 3000, rate: 1500, seed: 5 }
    const results = await Promise.all([300, 1000, 1700].map(after => killRun({ ...plan, after })))
    expect(results.map(result => result.differences)).toEqual([[], [], []])
    expect(results.some(({ share }) => share > 0.05 && share < 0.95)).toBe(true)
  })
})

describe('while it runs', () => {
  it('an appended line is stored soon, as its queue, its count and the status show', async () => {
    const directory = directoryOf(200, 6)
    const run = await started(directory)
    await until(() => rowsStored(directory) === 198, '198 rows', 10_000)
    const [, file] = /echo '.*' >> '(.*)'/.exec((await hinted(run)).out)!
    const event = { uid: 'mine', context: 'integrações', event_type: 'DELETE', client: 'Client_B', created_at: '2026-01-01T00:00:20Z' }
    appendFileSync(file!, `${JSON.stringify(event)}\n`)
    const isStored = () => query(directory, `SELECT 1 FROM event_message WHERE uid = 'mine'`).length === 1
    await until(isStored, 'the appended event', 5000)
    await until(async () => differences(await outcome(directory), expected(directory)).length === 0, 'all of it', 5000)
    run.child.kill('SIGINT')
    expect(await run.ended).toMatchObject({ code: 0, error: '' })
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('%s in the middle of work drains, ends with 0, and the next start goes on', async signal => {
    const directory = directoryOf(1500, 7, true)
    const run = await started(directory, '--rate', '1000')
    await until(() => rowsStored(directory) > 0, 'a row', 10_000)
    run.child.kill(signal)
    const { code, out, error } = await run.ended
    expect({ code, error }).toEqual({ code: 0, error: '' })
    const drained = await outcome(directory)
    const queued = Object.values(drained.queues).reduce((sum, events) => sum + events.length, 0)
    expect(queued).toBe(Object.keys(drained.rows).length)
    expect(queued).toBeLessThan(1485)
    expect(out).toMatch(/^stored /m)
    await untilEnd(directory)
    await expectRecomputed(directory)
  })

  it('ends well when nobody reads what it says any more', async () => {
    const directory = directoryOf(200, 12)
    const run = await started(directory)
    run.child.stdout?.destroy()
    expect(await run.ended).toMatchObject({ code: 0, error: '' })
    await untilEnd(directory)
    await expectRecomputed(directory)
  })
})

const hinted = async ({ text }: Started): Promise<{ out: string }> => {
  await until(() => text.out.includes('Try, in another terminal'), 'the hints', 10_000)
  return text
}

describe('riacho', () => {
  const riacho = (directory: string, ...args: string[]): Promise<Ended> => node(riachoFile, args, directory).ended

  it('describes the example', async () => {
    const { code, out } = await riacho(directoryOf(1, 8), 'describe', entry)
    expect(code).toBe(0)
    expect(out).toMatch(/^Topologies:\n {3}Sub-topology: 0\n/)
    for (const name of ['events.txt', 'validate', 'triage', 'events-per-minute', 'Client_D.fifo']) expect(out).toContain(name)
  })

  it('consumes a dead letter while the example runs, as its hint says', async () => {
    const directory = directoryOf(200, 9)
    const run = await started(directory)
    const [, command] = /npx riacho (consume .*)/.exec((await hinted(run)).out)!
    const args = command!.split(' ').map(arg => arg.replaceAll("'", ''))
    const { code, out } = await node(riachoFile, args).ended
    expect(code).toBe(0)
    const [letter, ...others] = out.trim().split('\n')
    expect(others).toEqual([])
    const { line, bytes } = expected(directory).invalid[0]!
    expect(JSON.parse(letter!)).toMatchObject({
      value: bytes,
      headers: expect.arrayContaining([['__streams.errors.offset', String(line)]]),
    })
  })

  it('produces lines into a topic of the same directory, and refuses while the example has it', async () => {
    const directory = directoryOf(100, 10)
    const produce = ['produce', 'mine', '--from', 'events.txt', '--data-dir', '.']
    expect(await riacho(directory, ...produce)).toMatchObject({ code: 0, out: '100 records written to mine\n' })
    const { out } = await riacho(directory, 'consume', 'mine', '--until-end', '--data-dir', '.')
    expect(out.trim().split('\n')).toHaveLength(100)
    const run = await started(directory)
    expect(await riacho(directory, ...produce)).toMatchObject({ code: 1, error: expect.stringContaining(String(run.child.pid)) })
    await until(() => rowsStored(directory) === 99, 'all rows', 10_000)
  })
})
