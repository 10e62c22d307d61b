import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import * as streams from '@riacho/streams'
import { isTopology, json, type KStream, type KTable, type Stream, to, topology, toStream } from '@riacho/streams'
import { testDriver } from '@riacho/testing'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import * as world from './world.fixture.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = join(root, 'test/examples/.riacho')

/** A docstring's example, as a module that exports what it draws. */
interface Example {
  readonly name: string
  readonly code: string
}

/** The examples of a file: the lines after `@example`, up to the end of the comment. */
function examplesOf(path: string): Example[] {
  const comments = [...readFileSync(join(root, path), 'utf8').matchAll(/@example\n((?: \*(?!\/).*\n)+?) \*\//g)]
  return comments.map(([, text], i) => ({
    name: `${basename(path, '.ts')}${i === 0 ? '' : `-${i + 1}`}`,
    code: text!.replaceAll(/^ \* ?/gm, '').trim(),
  }))
}

const declared = (code: string): string[] =>
  [...code.matchAll(/^(?:export )?const (?:\{([^}]+)\}|(\w+))/gm)].flatMap(([, many, one]) =>
    one === undefined ? many!.split(',').map(name => name.trim()) : [one],
  )

/** Imports what the example uses and does not declare itself. */
function moduleOf({ code }: Example): string {
  const own = declared(code)
  const uses = (names: readonly string[]): string[] => names.filter(name => !own.includes(name) && new RegExp(`\\b${name}\\b`).test(code))
  const ours = uses(Object.keys(streams))
  const theirs = uses([...Object.keys(world), 'Order', 'Client', 'Event']).filter(name => !ours.includes(name))
  const type = (name: string): string => (/^[A-Z]/.test(name) ? `type ${name}` : name)
  const lines = code.split('\n')
  const last = lines.findLastIndex(line => /^\w/.test(line))
  if (!/^(?:export |const |console\.|for )/.test(lines[last]!)) lines[last] = `export const drawn = ${lines[last]}`
  return [
    `import { ${ours.join(', ')} } from '@riacho/streams'`,
    `import { ${theirs.map(type).join(', ')} } from '../world.fixture.ts'`,
    /\bapp\b/.test(code) ? "import { app, app as changed } from './topology.ts'" : '',
    lines.join('\n').replace('export default', 'export const drawn ='),
    own.length > 0 ? `export { ${own.join(', ')} }` : '',
    code.includes('topology(') && code.startsWith('export') ? 'export { drawn as app }' : '',
  ].join('\n')
}

const examples = globSync('packages/streams/src/{operator,window,plan,serde,store}/*.ts', { cwd: root })
  .filter(path => !path.includes('.test.') && !path.includes('.fixture.'))
  .sort()
  .flatMap(examplesOf)

beforeAll(() => {
  vi.spyOn(console, 'log').mockImplementation(() => {})
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const example of examples) writeFileSync(join(folder, `${example.name}.ts`), moduleOf(example))
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: '../../../tsconfig.base.json', compilerOptions: { noUnusedLocals: false }, include: ['*.ts'] }),
  )
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The end of a stream that has none: its records as JSON. */
function ended(stream: Stream<unknown>): Stream<unknown> {
  if (stream.node.sink !== undefined) return stream
  const records =
    stream.node.table === undefined ? (stream as KStream<unknown, unknown>) : (stream as KTable<unknown, unknown>).pipe(toStream())
  return records.pipe(to('out', { key: json<unknown>() as never, value: json<unknown>() as never }))
}

const encoded = (topic: string, value: unknown): Buffer =>
  Buffer.from(['lines', 'visits'].includes(topic) ? String(value) : JSON.stringify(value))

/** Runs a plan on samples of its topics, tables first. Returns how many records came out. */
async function ran(plan: streams.Topology): Promise<number> {
  const driver = await testDriver(plan)
  const topics = new Set(plan.nodes.flatMap(node => node.source?.topics ?? []))
  const globals = Object.keys(world.samples).filter(name => name === 'prices' && !topics.has(name))
  for (const name of [...globals, ...['clients', 'cities'].filter(each => topics.has(each)), ...topics]) {
    for (const [i, [key, value]] of (world.samples[name] ?? []).entries()) {
      await driver
        .pipe(name, { key: Buffer.from(key), value: encoded(name, value), timestamp: i * 30_000 + (i > 9 ? 3_600_000 : 0) })
        .catch(error => {
          if (!globals.includes(name)) throw error
        })
    }
  }
  const out = driver.sent().filter(record => !/-(changelog|repartition|topic)$/.test(record.topic))
  await driver.close()
  return out.length
}

it('every operator has an example', () => {
  const operators = globSync('packages/streams/src/operator/*.ts', { cwd: root })
    .map(path => basename(path, '.ts'))
    .filter(name => !/\.(test|fixture)$/.test(name))
  expect(operators.filter(name => !examples.some(example => example.name === name))).toEqual([])
})

it('the examples have the types that they show', () => {
  const tsc = join(root, 'node_modules/.bin/tsc')
  const run = (): string => execFileSync(process.execPath, [tsc, '-p', folder, '--noEmit'], { encoding: 'utf8', stdio: 'pipe' })
  let said = ''
  try {
    run()
  } catch (thrown) {
    said = (thrown as { stdout: string }).stdout
  }
  expect(said).toBe('')
})

/** What nothing comes out of with these samples, and why. */
const silent: Readonly<Record<string, string>> = {
  'dead-letters': 'nobody has written a dead letter',
  source: 'a connector is not for the test driver',
  describe: 'it prints',
  diff: 'it prints',
  warnings: 'it prints',
  'describe-json': 'it prints',
  'describe-mermaid': 'it prints',
  'global-table': 'it is read by others',
}

it.each(examples.map(example => [example.name, example] as const))('%s does what its example shows', async (name, example) => {
  const made = (await import(pathToFileURL(join(folder, `${name}.ts`)).href)) as Record<string, unknown>
  if (name in silent) return
  const drawn = made.drawn ?? made[declared(example.code)[0]!]
  const plan = isTopology(drawn) ? drawn : topology('example', ended(drawn as Stream<unknown>))
  expect(await ran(plan)).toBeGreaterThan(0)
})
