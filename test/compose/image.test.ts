import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { DockerfileParser } from 'dockerfile-ast'
import { validate } from 'dockerfile-utils'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const text = readFileSync(join(root, 'Dockerfile'), 'utf8')
const file = DockerfileParser.parse(text)
/** Arguments of the instructions with this name, as they are written. */
const all = (keyword: string): string[] =>
  file
    .getInstructions()
    .filter(instruction => instruction.getKeyword() === keyword)
    .map(instruction => instruction.getRawArgumentsContent() ?? '')
const json = (words: string): string[] => JSON.parse(words.slice(words.indexOf('['))) as string[]

describe('Dockerfile', () => {
  it('has no mistake that a linter knows', () => {
    expect(validate(text)).toEqual([])
  })

  it('has two stages, ends as somebody else than root, and tells its health', () => {
    expect(all('FROM').length).toBe(2)
    expect(all('USER')).toEqual(['1000:1000'])
    expect(text.indexOf('USER')).toBeGreaterThan(text.lastIndexOf('FROM'))
    expect(all('HEALTHCHECK').length).toBe(1)
  })
})

/** What `docker build` would do, without an engine: the files of COPY, less those of .dockerignore, and the install of RUN; read-only. */
describe('the layout of the image', () => {
  let app: string
  let data: string

  beforeAll(() => {
    const folder = mkdtempSync(join(tmpdir(), 'riacho-image-'))
    app = join(folder, 'app')
    data = join(folder, 'data')
    mkdirSync(data, { mode: 0o777 })
    chmodSync(folder, 0o755)
    chmodSync(data, 0o777)
    for (const [, words] of text.matchAll(/^COPY (?!--)(.*)$/gm)) copy(words!.split(' '), app)
    const steps = all('RUN')[0]!.replace(/^.*?&& pnpm /s, 'npx -y pnpm@12.21.0 ')
    execFileSync('sh', ['-c', steps], { cwd: app, stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, CI: '1' } })
    mkdirSync(join(app, 'mounted'))
    writeFileSync(join(app, 'mounted', 'copy.ts'), topologyText)
    execFileSync('chmod', ['-R', 'a-w', app])
  }, 120_000)
  afterAll(() => {
    execFileSync('chmod', ['-R', 'u+w', app])
    rmSync(join(app, '..'), { recursive: true })
  })

  const start = (...args: string[]) => {
    const [program, ...first] = json(all('ENTRYPOINT')[0]!) as [string, ...string[]]
    const command = [program === 'node' ? process.execPath : program, ...first, ...args]
    // Root could write anywhere: then the process is somebody else, as in the image.
    const asUser = process.getuid?.() === 0 ? ['setpriv', '--reuid=1000', '--regid=1000', '--clear-groups'] : []
    const [run, ...rest] = [...asUser, ...command] as [string, ...string[]]
    const child = spawn(run, rest, { cwd: app, env: { ...process.env, HOME: '/', ...environment() } })
    const said = { out: '', error: '' }
    child.stdout.on('data', chunk => {
      said.out += String(chunk)
    })
    child.stderr.on('data', chunk => {
      said.error += String(chunk)
    })
    return { child, said }
  }

  let port = '0'
  const environment = (): Record<string, string> => ({ NODE_ENV: 'production', RIACHO_HTTP_HOST: '127.0.0.1', RIACHO_HTTP_PORT: port })

  it('shows its help', async () => {
    const { child, said } = start(...json(all('CMD').at(-1)!))
    const [code] = await once(child, 'close')
    expect([code, said.error]).toEqual([0, ''])
    expect(said.out).toContain('riacho')
  })

  it('runs a file that is mounted, is healthy, and writes nowhere but to its volume', async () => {
    port = await freePort()
    const { child, said } = start('run', 'mounted/copy.ts', '--data-dir', join(data, 'copy'))
    const ended = once(child, 'close')
    while (!said.error.includes('state RUNNING') && child.exitCode === null) await Promise.race([once(child.stderr, 'data'), ended])
    expect(said.error).toContain('state RUNNING')
    const [, ...check] = json(all('HEALTHCHECK')[0]!)
    execFileSync(process.execPath, check, { env: { ...process.env, ...environment() } })
    child.kill('SIGTERM')
    expect((await ended)[0]).toBe(0)
    expect(existsSync(join(data, 'copy'))).toBe(true)
    expect(() => execFileSync(process.execPath, check, { env: { ...process.env, ...environment() }, stdio: 'ignore' })).toThrow()
  })
})

/** A user's file, which finds the packages from where it is mounted. */
const topologyText = `import { text, to, topic, topology } from '@riacho/streams'
export default topology('copy', topic('in', { key: text, value: text }).pipe(to('out')))
`

function copy(words: readonly string[], app: string): void {
  const [target, ...sources] = [...words].reverse() as [string, ...string[]]
  const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').trim().split('\n')
  const skips = (path: string): boolean =>
    ignored.some(pattern => (pattern.startsWith('**/') ? matches(basename(path), pattern.slice(3)) : relative(root, path) === pattern))
  for (const source of sources)
    cpSync(join(root, source), join(app, target, target === './' ? source : ''), { recursive: true, filter: path => !skips(path) })
}

const matches = (name: string, pattern: string): boolean => (pattern.startsWith('*') ? name.endsWith(pattern.slice(1)) : name === pattern)

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return String(port)
}
