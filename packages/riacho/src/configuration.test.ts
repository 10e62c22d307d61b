import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { configure, flagOf, variableOf } from './configuration.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'riacho-configuration-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const fileOf = (content: string): string => {
  const path = join(folder, 'settings.json')
  writeFileSync(path, content)
  return path
}

describe('configure', () => {
  it('has defaults, and leaves the rest to the engine', () => {
    expect(configure({})).toEqual({ httpHost: '127.0.0.1', logLevel: 'info', shutdownTimeoutMs: 30_000 })
  })

  it('takes the file, over it the environment, over it the flags', () => {
    const file = fileOf('{ "commitIntervalMs": 1, "httpPort": 1, "maxTaskIdleMs": 1 }')
    const environment = { RIACHO_COMMIT_INTERVAL_MS: '2', RIACHO_HTTP_PORT: '2' }
    expect(configure({ file, environment, flags: { httpPort: '3' } })).toMatchObject({ maxTaskIdleMs: 1, commitIntervalMs: 2, httpPort: 3 })
  })

  it('reads numbers and words from text', () => {
    const environment = { RIACHO_KEEP_STREAM_TIME: 'true', RIACHO_MAX_TASK_IDLE_MS: '-1', RIACHO_GUARANTEE: 'exactly-once' }
    expect(configure({ environment })).toMatchObject({ keepStreamTime: true, maxTaskIdleMs: -1, guarantee: 'exactly-once' })
  })

  it('ignores empty variables and absent flags', () => {
    expect(configure({ environment: { RIACHO_HTTP_PORT: '' }, flags: { httpPort: undefined } })).not.toHaveProperty('httpPort')
  })

  it.each([
    [
      { RIACHO_COMMIT_INTERVAL_MS: 'soon' },
      'commitIntervalMs from the environment variable RIACHO_COMMIT_INTERVAL_MS is "soon": give a whole number',
    ],
    [{ RIACHO_COMMIT_INTERVAL_MS: '1.5' }, 'commitIntervalMs'],
    [{ RIACHO_COMMIT_INTERVAL_MS: '86400001' }, 'from 0 to 86400000'],
    [{ RIACHO_HTTP_PORT: '65536' }, 'to 65535'],
    [{ RIACHO_KEEP_STREAM_TIME: 'yes' }, 'give true or false'],
    [{ RIACHO_GUARANTEE: 'once' }, 'give at-least-once or exactly-once'],
    [{ RIACHO_BOOTSTRAP_SERVERS: 'localhost' }, 'give host:port'],
  ])('refuses %j', (environment, message) => {
    expect(() => configure({ environment })).toThrow(
      expect.objectContaining({ code: 'RIACHO_SETTING', message: expect.stringContaining(message) }),
    )
  })

  it('names the flag and the file that are wrong', () => {
    expect(() => configure({ flags: { httpPort: 'x' } })).toThrow('httpPort from --http-port is "x"')
    const file = fileOf('{ "logLevel": 3 }')
    expect(() => configure({ file })).toThrow(`logLevel in ${file} is 3`)
  })

  it.each([
    ['{ "comitIntervalMs": 1 }', 'RIACHO_SETTING', 'comitIntervalMs'],
    ['{ "__proto__": 1 }', 'RIACHO_SETTING', '__proto__'],
    ['{', 'RIACHO_CONFIGURATION_FILE', 'is no JSON'],
    ['[]', 'RIACHO_CONFIGURATION_FILE', 'no JSON object'],
  ])('refuses a file with %s', (content, code, message) => {
    expect(() => configure({ file: fileOf(content) })).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }))
  })

  it('refuses a named file that is missing', () => {
    const file = join(folder, 'missing.json')
    expect(() => configure({ file })).toThrow(
      expect.objectContaining({ code: 'RIACHO_CONFIGURATION_FILE', message: expect.stringContaining(file) }),
    )
  })

  it('names settings by one rule', () => {
    expect([variableOf('commitIntervalMs'), flagOf('commitIntervalMs')]).toEqual(['RIACHO_COMMIT_INTERVAL_MS', '--commit-interval-ms'])
  })
})
