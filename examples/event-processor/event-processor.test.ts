import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { countKey, recomputeFile } from '../../test/oracle/event-processor.ts'
import { defaultDirectory } from './embedded.ts'
import { generate, writeEvents } from './generate.ts'

const start = fileURLToPath(new URL('start.ts', import.meta.url))
const riacho = fileURLToPath(new URL('../../packages/riacho/src/main.ts', import.meta.url))

let folder: string
let data: string
const children: ChildProcess[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'riacho-example-'))
  data = join(folder, defaultDirectory)
  mkdirSync(data, { recursive: true })
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

function node(...args: string[]) {
  const child = spawn(process.execPath, args, { cwd: folder, env: { ...process.env, RIACHO_HTTP_PORT: '0' } })
  children.push(child)
  const text = { out: '', error: '' }
  child.stdout.setEncoding('utf8').on('data', chunk => {
    text.out += chunk
  })
  child.stderr.setEncoding('utf8').on('data', chunk => {
    text.error += chunk
  })
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...text }))
  const said = async (words: RegExp): Promise<void> => {
    while (!words.test(text.out) && child.exitCode === null) await Promise.race([once(child.stdout, 'data'), once(child, 'close')])
    expect(text.out).toMatch(words)
  }
  return { child, ended, said, text }
}

const untilEnd = async (): Promise<string> => {
  const { code, out, error } = await node(start, '--until-end').ended
  expect({ code, error }).toEqual({ code: 0, error: '' })
  return out
}

const rowsOf = (sql: string): Record<string, unknown>[] => {
  const database = new DatabaseSync(join(data, 'events.db'), { readOnly: true })
  const rows = database.prepare(sql).all()
  database.close()
  return rows
}

async function topicOf(topic: string) {
  const { code, out } = await node(riacho, 'consume', topic, '--until-end', '--data-dir', data).ended
  expect(code).toBe(0)
  const lines = out.split('\n').filter(line => line !== '')
  return lines.map(line => JSON.parse(line) as { value: string | { base64: string }; headers: [string, string][] })
}

const bytesOf = (value: string | { base64: string }): string =>
  (typeof value === 'string' ? Buffer.from(value) : Buffer.from(value.base64, 'base64')).toString('hex')

/** All that the run has left behind equals what the file says. */
async function expectWhatTheFileSays() {
  const expected = recomputeFile(join(data, 'events.txt'))
  const rows = rowsOf('SELECT * FROM event_message').map(({ uid, ...event }) => [uid, { uid, ...event }] as const)
  expect(new Map(rows)).toEqual(expected.rows)
  const counts = rowsOf('SELECT * FROM events_per_minute').map(
    row => [countKey(String(row.client), String(row.event_type), Number(row.window_start)), row.count] as const,
  )
  expect(new Map(counts)).toEqual(expected.counts)
  for (const [client, events] of expected.queues) {
    const queued = (await topicOf(`${client}.fifo`)).map(({ value }) => JSON.parse(value as string) as { uid: string })
    expect(queued.map(({ uid }) => uid)).toEqual(events.map(({ uid }) => uid))
    expect(queued).toEqual(events)
  }
  const letters = (await topicOf('events-invalid')).map(({ value, headers }) => {
    const why = new Map(headers)
    expect(why.get('__streams.errors.message')).toMatch(/./)
    return { line: Number(why.get('__streams.errors.offset')), bytes: bytesOf(value) }
  })
  expect(letters).toEqual(expected.invalid.map(({ line, bytes }) => ({ line, bytes: Buffer.from(bytes).toString('hex') })))
  return expected
}

describe('the generator', () => {
  it('gives the same bytes for the same options', () => {
    const bytes = (seed: number) => Buffer.concat([...generate({ events: 300, seed })])
    expect(bytes(1)).toEqual(bytes(1))
    expect(bytes(1)).not.toEqual(bytes(2))
  })

  it('makes one line in a hundred invalid, and on request one too late', () => {
    const path = join(folder, 'events.txt')
    writeEvents(path, { events: 5000 })
    expect(recomputeFile(path)).toMatchObject({ lines: 5000, late: 0, invalid: { length: 50 } })
    writeEvents(path, { events: 5000, late: true })
    expect(recomputeFile(path)).toMatchObject({ lines: 5000, late: 50 })
  })
})

describe('npm start', () => {
  it('processes a generated file, and nothing twice', async () => {
    const out = await untilEnd()
    expect(out.split('\n').length).toBeLessThanOrEqual(15)
    expect(out).toContain('this run   10,000 lines: 9,900 valid, 100 dead letters, 0 too late')
    const { counts } = await expectWhatTheFileSays()
    expect(out).toContain(`counted    9,900 events in ${counts.size} windows`)
    expect(await untilEnd()).toContain('this run   0 lines')
    await expectWhatTheFileSays()
  })

  it('drops from the counts what is later than the grace, and says so', async () => {
    writeEvents(join(data, 'events.txt'), { events: 2000, seed: 7, late: true })
    expect(await untilEnd()).toContain('20 too late for their window')
    await expectWhatTheFileSays()
  })

  it('goes on after kill -9', async () => {
    const source = join(folder, 'source.txt')
    writeEvents(source, { events: 1500, seed: 3, late: true })
    copyFileSync(source, join(data, 'events.txt'))
    const slow = node(start, '--rate', '500')
    await slow.said(/^in [1-9]/m)
    slow.child.kill('SIGKILL')
    await slow.ended
    expect(rowsOf('SELECT 1 FROM event_message').length).toBeLessThan(1500 * 0.95)
    await untilEnd()
    await expectWhatTheFileSays()
  })

  it('shows appended lines, tells what to try, and ends well at Ctrl-C', async () => {
    writeEvents(join(data, 'events.txt'), { events: 200 })
    const { child, ended, said, text } = node(start)
    await said(/^Try/m)
    const line = /echo '(.*)' >> '(.*)'/.exec(text.out)!
    appendFileSync(join(folder, line[2]!), `${line[1]}\n`)
    await said(/^in 201 /m)
    expect(text.out).toContain(`kill -9 ${child.pid}`)
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ code: 0, error: '' })
    expect(rowsOf(`SELECT uid FROM event_message WHERE uid = 'mine'`)).toHaveLength(1)
    await expectWhatTheFileSays()
  })

  it('puts aside what no line should hold, bytes kept', async () => {
    const [good] = [...generate({ events: 1 })]
    const bad = ['', ' ', 'null', '7', '"x"', '{}', '[]', '{"__proto__":{"uid":"1"}}', '{"uid":{}}', `${good} x`, 'x'.repeat(100_000)]
    const lines = [
      ...bad.map(line => Buffer.from(line)),
      Buffer.from([0xff, 0xfe]),
      Buffer.from(String(good).replace('-', '\ud800')),
      good!,
    ]
    writeFileSync(join(data, 'events.txt'), Buffer.concat(lines.flatMap(line => [line, Buffer.from('\n')])))
    await untilEnd()
    await expectWhatTheFileSays()
  })

  it('says what is wrong in one line', async () => {
    const { code, error } = await node(start, '--rate', 'fast').ended
    expect({ code, lines: error.trim().split('\n').length }).toEqual({ code: 1, lines: 1 })
    expect((await node(start, '--wings').ended).code).toBe(2)
    writeFileSync(join(folder, 'file'), '')
    expect(await node(start, '--data-dir', join(folder, 'file')).ended).toMatchObject({ code: 1, error: expect.stringContaining('file') })
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('')
  })
})
