import { execFileSync } from 'node:child_process'
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { embedded } from '@riacho/embedded'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { generate, writeEvents } from '../../examples/event-processor/generate.ts'
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
  startFile,
  until,
} from './event-processor.fixture.ts'
import { differences, running } from './kill.fixture.ts'

let folder: string
let directory: string
let processes: Started[] = []
let servers: Server[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'riacho-input-'))
  directory = join(folder, 'data')
  mkdirSync(directory)
})
afterEach(async () => {
  for (const { child, ended } of processes) {
    child.kill('SIGKILL')
    await ended
  }
  processes = []
  for (const server of servers) server.close()
  servers = []
  rmSync(folder, { recursive: true })
})

const eventsFile = (): string => join(directory, 'events.txt')
const newline = Buffer.from('\n')
const sample = { uid: 'u', context: 'monitoramento', event_type: 'INSERT', client: 'Client_A', created_at: '2026-01-01T00:00:00Z' }
const line = (changes: object = {}): Buffer => Buffer.from(JSON.stringify({ ...sample, ...changes }))
const broken = (text: Buffer): Buffer => {
  text[text.indexOf(63)] = 0xff
  return text
}
const proto = (fields: object, inner: object): Buffer =>
  Buffer.from(JSON.stringify(fields).replace('{', `{"__proto__":${JSON.stringify(inner)},`))

/** Each line that is no event, and what its dead letter says of it. */
const bad: readonly (readonly [what: string, line: Buffer, code: string, reason: string])[] = [
  ['an empty line', Buffer.from(''), 'RIACHO_DECODE', 'Unexpected end of JSON input'],
  ['blanks', Buffer.from('  '), 'RIACHO_DECODE', 'Unexpected end of JSON input'],
  ['null', Buffer.from('null'), 'RIACHO_INVALID', 'must be object'],
  ['10 MB that are no JSON', Buffer.alloc(10 << 20, 'x'), 'RIACHO_DECODE', 'is not valid JSON'],
  ['invalid UTF-8 in a checked field', broken(line({ context: 'a?' })), 'RIACHO_DECODE', 'no UTF-8'],
  ['invalid UTF-8 in a free field', broken(line({ uid: 'a?' })), 'RIACHO_DECODE', 'no UTF-8'],
  ['fields that only a prototype has', Buffer.from(`{"__proto__":${line()}}`), 'RIACHO_INVALID', "must have required property 'uid'"],
  [
    'a field that only a prototype has',
    proto({ ...sample, uid: undefined }, { uid: 'u' }),
    'RIACHO_INVALID',
    "must have required property 'uid'",
  ],
  ['a number as uid', line({ uid: 7 }), 'RIACHO_INVALID', 'uid: must be string'],
  ['a list as client', line({ client: ['Client_A'] }), 'RIACHO_INVALID', 'client: must be equal to one of the allowed values'],
  ['a number as time', line({ created_at: 0 }), 'RIACHO_INVALID', 'created_at: must be string'],
  ['a time without zone', line({ created_at: '2026-01-01T00:00:00' }), 'RIACHO_INVALID', 'created_at: must match format "date-time"'],
  ['a client outside the union', line({ client: 'Client_E' }), 'RIACHO_INVALID', '"Client_A", "Client_B", "Client_C", "Client_D"'],
  ['a client that every object has', line({ client: 'constructor' }), 'RIACHO_INVALID', 'client: must be equal to one of'],
  ['two things wrong', line({ uid: null, client: null }), 'RIACHO_INVALID', 'uid: must be string; client: must be equal to one of'],
]

/** Events that look odd and are fine. */
const odd: readonly Buffer[] = [
  proto({ ...sample, uid: 'with a key of a prototype' }, { uid: 'other' }),
  line({ uid: '__proto__', constructor: 1, toString: 2 }),
  line({ uid: '\ufffd \u0000 \u2028 \u{1f600}' }),
  line({ uid: 'large', more: 'x'.repeat(10 << 20) }),
  line({ uid: `'); DROP TABLE event_message; --`, created_at: '2026-01-01T05:30:00.25+05:30' }),
]

describe('lines that are no events', () => {
  it('become dead letters, one reason each, and all others go their way', async () => {
    const good = [...generate({ events: 20, seed: 4 })]
    const lines = [...good.slice(0, 10), ...bad.flatMap(([, text], i) => [text, ...odd.slice(i, i + 1)]), ...good.slice(10)]
    writeFileSync(eventsFile(), Buffer.concat(lines.flatMap(text => [text, newline])))
    expect(await example(directory, '--until-end').ended).toMatchObject({ code: 0, error: '' })
    expect(differences(await outcome(directory), expected(directory))).toEqual([])
    expect(query(directory, 'SELECT 1 FROM event_message')).toHaveLength(good.length + odd.length)

    const broker = await embedded({ directory, readOnly: true })
    const letters = await readTopic(broker, 'events-invalid')
    await broker.close()
    const said = letters.map(({ headers }) => [
      headerOf(headers, '__streams.errors.exception'),
      headerOf(headers, '__streams.errors.message'),
    ])
    bad.forEach(([what, text, code, reason], i) => {
      expect([what, ...said[i]!]).toEqual([what, code, expect.stringContaining(reason)])
      expect(Buffer.compare(letters[i]!.value!, text)).toBe(0)
      expect(said[i]![1]!.length).toBeLessThan(3000)
    })
    expect(letters).toHaveLength(bad.length)
  })

  it('are waited for when their end is not written yet', async () => {
    const whole = line({ uid: 'in two pieces' })
    writeFileSync(eventsFile(), whole.subarray(0, 30))
    expect(await example(directory, '--until-end').ended).toMatchObject({ code: 0, out: expect.stringContaining('this run   0 lines') })
    appendFileSync(eventsFile(), Buffer.concat([whole.subarray(30), newline]))
    expect(await example(directory, '--until-end').ended).toMatchObject({ code: 0, out: expect.stringContaining('1 lines: 1 valid') })
  })
})

/** It ended with 1 and said so in one line. */
function expectOneLine({ code, error }: Ended, ...words: readonly string[]): void {
  const lines = error.trim().split('\n')
  expect({ code, lines }).toEqual({ code: 1, lines: [expect.any(String)] })
  for (const word of words) expect(lines[0]).toContain(word)
}

describe('a start that cannot be', () => {
  it.each<readonly [what: string, content: string | undefined, words: readonly string[]]>([
    ['no JSON', '{', ['is no JSON (', 'correct it']],
    ['no schema', '{"type":"objekt"}', ['is no JSON Schema', 'correct it']],
    ['a list', '[]', ['it must be an object']],
    ['missing', undefined, ['cannot be read', 'correct the path']],
  ])('says that the schema file is %s', async (_what, content, words) => {
    const copy = join(folder, 'example')
    const original = dirname(startFile)
    cpSync(original, copy, { recursive: true, filter: path => !path.startsWith(join(original, 'node_modules')) })
    symlinkSync(join(original, 'node_modules'), join(copy, 'node_modules'))
    const schema = join(copy, 'resource', 'schema.json')
    if (content === undefined) rmSync(schema)
    else writeFileSync(schema, content)
    writeEvents(eventsFile(), { events: 10 })
    const ended = await node(join(copy, 'start.ts'), ['--data-dir', directory, '--until-end', '--http-port', '0']).ended
    expectOneLine(ended, 'RIACHO_JSON_SCHEMA', schema, ...words)
  })

  it('says that the events file is missing', async () => {
    const entry = fileURLToPath(new URL('../../examples/event-processor/embedded.ts', import.meta.url))
    const ended = await node(riachoFile, ['run', entry, '--http-port', '0', '--log-level', 'silent'], folder).ended
    expectOneLine(ended, 'RIACHO_FILE_MISSING', 'events.txt')
  })

  it('says that the port asked for is in use; unasked, takes the next free one', async () => {
    writeEvents(eventsFile(), { events: 10 })
    const taken = await listening(0)
    expectOneLine(
      await example(directory, '--http-port', String(taken)).ended,
      'RIACHO_PORT_IN_USE',
      String(taken),
      'or 0 for any free one',
    )
    await listening(9095).catch(() => {})
    const run = await running(node(startFile, ['--data-dir', directory]))
    processes.push(run)
    const url = /http:\/\/\S+(?=\/metrics)/.exec(run.text.out)![0]
    expect(Number(new URL(url).port)).toBeGreaterThan(9095)
    expect((await fetch(`${url}/health/ready`)).status).toBe(200)
    await until(() => rowsStored(directory) === 10, '10 rows', 10_000)
    run.child.kill('SIGTERM')
    expect(await run.ended).toMatchObject({ code: 0 })
    expect(differences(await outcome(directory), expected(directory))).toEqual([])
  })
})

async function listening(port: number): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  servers.push(server)
  return (server.address() as { port: number }).port
}

/** Why there is no small file system here; empty when there is one. */
function mounted(path: string, size: string): string {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', path], { stdio: 'pipe' })
    return ''
  } catch (thrown) {
    return `a small tmpfs cannot be mounted here: ${String(thrown).split('\n')[1] ?? String(thrown)}`
  }
}

describe('a full disk', () => {
  it('ends the run with the path that has no room; with room the next start goes on', async context => {
    const reason = mounted(directory, '2m')
    if (reason !== '') return context.skip(reason)
    try {
      writeEvents(eventsFile(), { events: 4000, seed: 11, late: true })
      const { code, error } = await example(directory, '--until-end').ended
      expect(code).toBe(1)
      expect(error.trim().split('\n').at(-1)).toMatch(new RegExp(`^RIACHO_\\w+: .*${directory}/\\S+.*free (some )?space`))
      execFileSync('mount', ['-o', 'remount,size=64m', directory])
      expect(differences(await outcome(directory), expected(directory))).not.toEqual([])
      expect(await example(directory, '--until-end').ended).toMatchObject({ code: 0, error: '' })
      expect(differences(await outcome(directory), expected(directory))).toEqual([])
    } finally {
      execFileSync('umount', [directory])
    }
  })
})
