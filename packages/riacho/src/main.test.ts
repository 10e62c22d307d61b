import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openBroker } from './broker.ts'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
const entry = fileURLToPath(new URL('entry.fixture.ts', import.meta.url))

let folder: string
const children: ChildProcess[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'riacho-command-'))
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly error: string
}

function start(args: readonly string[], environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, env: { ...process.env, RIACHO_HTTP_PORT: '0', ...environment } })
  children.push(child)
  const text = { out: '', error: '' }
  child.stdout.setEncoding('utf8').on('data', chunk => {
    text.out += chunk
  })
  child.stderr.setEncoding('utf8').on('data', chunk => {
    text.error += chunk
  })
  const ended: Promise<Ended> = once(child, 'close').then(([code]) => ({ code, ...text }))
  const said = async (words: string): Promise<void> => {
    while (!text.error.includes(words) && child.exitCode === null) await Promise.race([once(child.stderr, 'data'), once(child, 'close')])
    expect(text.error).toContain(words)
  }
  const url = (): string => {
    const lines = text.error.trim().split('\n')
    return lines.map(line => (JSON.parse(line) as { url?: string }).url).find(one => one !== undefined)!
  }
  return { child, ended, said, url }
}

const riacho = (...args: string[]): Promise<Ended> => start(args).ended

const writeLines = (name: string, lines: readonly (string | Buffer)[]): string => {
  writeFileSync(join(folder, name), Buffer.concat(lines.flatMap(line => [Buffer.from(line), Buffer.from('\n')])))
  return name
}

const consumed = async (topic: string, ...args: string[]) => {
  const { code, out, error } = await riacho('consume', topic, '--data-dir', 'data', '--until-end', ...args)
  expect({ code, error }).toEqual({ code: 0, error: '' })
  return out
    .trim()
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as { key: unknown; value: unknown; headers: [string, unknown][]; offset: number })
}

describe('riacho', () => {
  it.each([
    [['fly'], 'fly'],
    [['run'], 'file'],
    [['run', entry, '--wings'], '--wings'],
    [['describe', entry, '--format', 'poem'], 'poem'],
    [['produce', 'orders', '--partition', '-1'], '--partition'],
    [['produce', 'orders', '--header', 'x'], '--header'],
    [['consume', 'orders', '--from-time', 'noon'], '--from-time'],
    [['consume', 'orders', '--max', '0'], '--max'],
    [['dlq'], 'replay'],
    [['dlq', 'show', 'dead', '--since', 'noon'], '--since'],
    [['dlq', 'replay', 'dead', '--rate', 'fast'], '--rate'],
  ])('ends %j as a usage error', async (args, word) => {
    const { code, out, error } = await riacho(...args)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(error).toContain(word)
  })

  it.each([
    ['missing.ts', undefined, 'RIACHO_ENTRY_MISSING'],
    ['throws.mjs', 'throw new Error("not today")', 'not today'],
    ['other.mjs', 'export default { id: "x" }', 'RIACHO_ENTRY_NO_TOPOLOGY'],
    ['nothing.mjs', 'export const a = 1', 'has no default export'],
  ])('refuses the entry file %s in one line', async (name, content, word) => {
    if (content !== undefined) writeFileSync(join(folder, name), content)
    const { code, error } = await riacho('run', name)
    expect(code).toBe(1)
    expect(error).toContain(word)
    expect(error).toContain(name)
    expect(error.trim().split('\n')).toHaveLength(1)
  })

  it('refuses a setting, a cluster that is not there, and one without its client', async () => {
    expect(await riacho('run', entry, '--commit-interval-ms', 'soon')).toMatchObject({
      code: 1,
      error: expect.stringContaining('RIACHO_SETTING'),
    })
    const nobody = await riacho('run', entry, '-b', '127.0.0.1:1')
    expect(nobody).toMatchObject({ code: 1, error: expect.stringMatching(/^RIACHO_BROKER_NETWORK_EXCEPTION: .*127\.0\.0\.1:1/) })
    expect(nobody.error.trim().split('\n')).toHaveLength(1)
    const missing = () => Promise.reject(new Error('not installed'))
    await expect(openBroker({ cluster: { bootstrapServers: 'a:1', warnings: [] }, directory: '' }, missing)).rejects.toMatchObject({
      code: 'RIACHO_NO_KAFKA',
    })
  })

  it('describes a plan in three formats', async () => {
    const text = await riacho('describe', entry)
    expect(text).toMatchObject({ code: 0, out: expect.stringMatching(/^Topologies:\n {3}Sub-topology: 0\n/) })
    const json = await riacho('describe', entry, '--format', 'json')
    expect(JSON.parse(json.out)).toMatchObject({ id: 'orders-app' })
    expect((await riacho('describe', entry, '--format', 'mermaid')).out).toMatch(/^flowchart/)
  })
})

describe('riacho diff', () => {
  it('says what another plan would lose, and ends with 1 when something would', async () => {
    const json = await riacho('describe', entry, '--format', 'json')
    const old = join(folder, 'old.json')
    writeFileSync(old, json.out)
    expect(await riacho('diff', old, entry)).toEqual({ code: 0, out: 'nothing that state or topics depend on\n', error: '' })
    const changed = join(folder, 'changed.json')
    const stores = [{ name: 'totals', kind: 'key-value', logged: true }]
    writeFileSync(changed, JSON.stringify({ ...(JSON.parse(json.out) as object), stores }))
    expect(await riacho('diff', entry, changed)).toMatchObject({ code: 0, out: expect.stringContaining("notes: store 'totals' is new") })
    expect(await riacho('diff', changed, entry)).toMatchObject({ code: 1, out: expect.stringContaining("loses: store 'totals' is gone") })
  })

  it('refuses what is no description of a plan', async () => {
    const file = join(folder, 'x.json')
    writeFileSync(file, '{"id":"a"}')
    expect(await riacho('diff', file, entry)).toMatchObject({ code: 1, error: expect.stringContaining('RIACHO_DESCRIPTION') })
    writeFileSync(file, '{')
    expect(await riacho('diff', entry, file)).toMatchObject({ code: 1, error: expect.stringContaining('RIACHO_DESCRIPTION') })
  })
})

describe('riacho produce and consume', () => {
  it('write and print records, bytes kept', async () => {
    const from = writeLines('lines.txt', ['a=1', 'b=x=2\r', '', 'ação=é', Buffer.from([0x63, 0x3d, 0xff])])
    const produced = await riacho('produce', 'orders', '--from', from, '--key-separator', '=', '--data-dir', 'data')
    expect(produced).toMatchObject({ code: 0, out: '5 records written to orders\n' })
    const records = await consumed('orders')
    expect(records.map(({ key, value }) => [key, value])).toEqual([
      ['a', '1'],
      ['b', 'x=2'],
      [null, ''],
      ['ação', 'é'],
      ['c', { base64: '/w==' }],
    ])
    expect(await consumed('orders', '--max', '2')).toHaveLength(2)
  })

  it('read standard input as it comes, and say at which line it ends', async () => {
    const { child, ended } = start(['produce', 'orders', '--value', 'json', '--data-dir', 'data'])
    child.stdin!.end('{"a":1}\n{"a":2}\nno JSON\n{"a":3}\n')
    expect(await ended).toMatchObject({
      code: 1,
      error: expect.stringMatching(/^RIACHO_INPUT: standard input, line 3: .*the 2 lines before it/),
    })
    expect((await consumed('orders', '--value', 'json')).map(({ value }) => value)).toEqual([{ a: 1 }, { a: 2 }])
    const more = start(['produce', 'orders', '--records', '--header', 'from=test', '--data-dir', 'data'])
    more.child.stdin!.end('{"key":"k","value":"v","timestamp":"2026-11-21T00:00:00Z"}\n')
    expect(await more.ended).toMatchObject({ code: 0, out: '1 records written to orders\n' })
    expect(await consumed('orders', '--from-time', '2026-11-21T00:00:00Z', '--key', 'text', '--max', '3')).toContainEqual(
      expect.objectContaining({ key: 'k', value: 'v', headers: [['from', 'test']] }),
    )
  })

  it('print more than a pipe takes at once', async () => {
    const from = writeLines(
      'many.txt',
      Array.from({ length: 30_000 }, (_, i) => `line ${i}`),
    )
    await riacho('produce', 'orders', '--from', from, '--data-dir', 'data')
    expect((await consumed('orders')).at(-1)).toMatchObject({ value: 'line 29999' })
  })

  it('say what is missing', async () => {
    expect(await riacho('produce', 'orders', '--from', 'missing.txt', '--data-dir', 'data')).toMatchObject({
      code: 1,
      error: expect.stringMatching(/^RIACHO_INPUT: missing.txt/),
    })
    expect(await riacho('consume', 'order', '--data-dir', 'data')).toMatchObject({
      code: 1,
      error: expect.stringMatching(/^RIACHO_TOPIC: .*order/),
    })
    expect(await riacho('consume', 'order')).toMatchObject({ code: 1, error: expect.stringMatching(/^RIACHO_DATA_DIRECTORY/) })
  })
})

describe('what is not all', () => {
  // Only Linux has a file that is always full.
  it.skipIf(!existsSync('/dev/full'))('ends with 1 when standard output takes no more', async () => {
    const from = writeLines('a.txt', ['1', '2'])
    await riacho('produce', 'order', '--from', from, '--data-dir', 'data')
    const full = openSync('/dev/full', 'w')
    const args = [main, 'consume', 'order', '--until-end', '--data-dir', 'data']
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', full, 'pipe'] })
    const [error, [code]] = await Promise.all([textOf(child.stderr!), once(child, 'close')])
    closeSync(full)
    expect({ code, error }).toEqual({ code: 1, error: expect.stringMatching(/^RIACHO_OUTPUT: .*ENOSPC/) })
  })

  it('ends with 1 when a file is not written to its end', async () => {
    const from = join(folder, 'endless')
    execFileSync('mkfifo', [from])
    const { child, ended } = start(['produce', 'order', '--from', from, '--data-dir', 'data'])
    const pipe = await open(from, 'w')
    await pipe.write('1\n2\n')
    await new Promise(resolve => setTimeout(resolve, 500))
    child.kill('SIGTERM')
    await new Promise(resolve => setTimeout(resolve, 500))
    // A read of a pipe cannot be given up.
    await pipe.close()
    expect(await ended).toMatchObject({ code: 1, error: expect.stringMatching(/^RIACHO_INTERRUPTED: stopped after line 2 of /) })
    expect((await consumed('order')).map(({ value }) => value)).toEqual(['1', '2'])
  })
})

describe('riacho dlq', () => {
  const dlq = async (...args: string[]): Promise<unknown[]> => {
    const { code, out, error } = await riacho('dlq', ...args, '--data-dir', 'data')
    expect({ code, error }).toEqual({ code: 0, error: '' })
    return out.split('\n').flatMap(line => (line === '' ? [] : [JSON.parse(line)]))
  }

  it('lists, shows, replays and deletes what an application put aside', async () => {
    const from = writeLines('orders.txt', ['{"cents":500}', 'no JSON', 'nor this'])
    await riacho('produce', 'orders', '--from', from, '--data-dir', 'data')
    await riacho('run', entry, '--until-end', '--data-dir', 'data')
    expect(await dlq('list', 'orders-invalid')).toMatchObject([{ code: 'RIACHO_DECODE', source: 'orders', letters: 2, replayed: 0 }])
    expect(await dlq('show', 'orders-invalid', '--max', '1')).toMatchObject([{ value: 'no JSON', offset: 1, replayed: false }])
    expect(await dlq('replay', 'orders-invalid', '--code', 'RIACHO_DECODE', '--rate', '1000')).toMatchObject([{ replayed: 2 }])
    expect((await consumed('orders')).map(({ value }) => value)).toEqual(['{"cents":500}', 'no JSON', 'nor this', 'no JSON', 'nor this'])
    expect(await dlq('purge', 'orders-invalid', '--replayed')).toEqual([{ purged: 2 }])
    expect(await dlq('list', 'orders-invalid')).toEqual([])
  })

  it('deletes nothing unless it is told what', async () => {
    const from = writeLines('orders.txt', ['a'])
    await riacho('produce', 'dead', '--from', from, '--data-dir', 'data')
    const said = { code: 1, error: expect.stringMatching(/^RIACHO_PURGE/) }
    expect(await riacho('dlq', 'purge', 'dead', '--data-dir', 'data')).toMatchObject(said)
    expect(await riacho('dlq', 'purge', 'dead', '--all', '--replayed', '--data-dir', 'data')).toMatchObject(said)
    expect(await consumed('dead')).toHaveLength(1)
  })
})

describe('riacho run', () => {
  it('processes what is there and ends', async () => {
    const from = writeLines('orders.txt', ['{"cents":50}', '{"cents":500}', 'no JSON'])
    await riacho('produce', 'orders', '--from', from, '--data-dir', 'data')
    expect(await riacho('run', entry, '--until-end', '--data-dir', 'data')).toMatchObject({ code: 0 })
    expect((await consumed('orders-large')).map(({ value }) => value)).toEqual(['{"cents":500}'])
    const [letter] = await consumed('orders-invalid')
    expect(letter).toMatchObject({ value: 'no JSON', headers: expect.arrayContaining([['__streams.errors.exception', 'RIACHO_DECODE']]) })
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('stays, shows its health, and ends well at %s', async signal => {
    const { child, ended, said, url } = start(['run', entry, '--data-dir', 'data'])
    await said('state RUNNING')
    expect((await fetch(`${url()}/health/ready`)).status).toBe(200)
    expect(await (await fetch(`${url()}/metrics`)).text()).toContain('riacho_state{state="RUNNING"} 1')
    child.kill(signal)
    const { code, error } = await ended
    expect(code).toBe(0)
    expect(error).toContain('state NOT_RUNNING')
  })

  it('refuses a folder that another run holds', async () => {
    const first = start(['run', entry, '--data-dir', 'data'])
    await first.said('state RUNNING')
    const second = await riacho('run', entry, '--data-dir', 'data')
    expect(second).toMatchObject({ code: 1, error: expect.stringContaining(String(first.child.pid)) })
    expect(await consumed('orders')).toEqual([])
  })

  it('refuses a port that is taken, when asked for', async () => {
    const first = start(['run', entry, '--data-dir', 'data'])
    await first.said('state RUNNING')
    const second = await riacho('run', entry, '--data-dir', 'other', '--http-port', new URL(first.url()).port)
    expect(second).toMatchObject({ code: 1, error: expect.stringMatching(/RIACHO_PORT_IN_USE/) })
  })
})
