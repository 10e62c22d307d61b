// `npm start` and `npm test` begin here, on any Node from 20 on and without dependencies: installs what is missing, finds Node 24, hands over.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(fileURLToPath(import.meta.url))
const modules = join(root, 'node_modules')
const stamp = join(modules, '.riacho-setup')
const windows = process.platform === 'win32'
const packageManager = 'pnpm@12.21.0'
const nodeWanted = 24
/** Where npm has Node 24 as a package; the install brings it. */
const nodePackages = ['linux-x64', 'linux-arm64']
const platform = `${process.platform}-${process.arch}`
const [command = 'start', ...args] = process.argv.slice(2)

const say = line => process.stderr.write(`riacho: ${line}\n`)
const giveUp = line => {
  say(line)
  process.exit(1)
}
const majorOf = version => Number(/^v(\d+)\./.exec(version)?.[1] ?? 0)

/** The first Node 24 or newer among: the running one, the installed package, PATH. */
function findNode() {
  if (majorOf(process.version) >= nodeWanted) return process.execPath
  const onPath = (process.env.PATH ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map(folder => join(folder, windows ? 'node.exe' : 'node'))
  return [join(modules, `node-${platform}`, 'bin', 'node'), ...onPath].find(
    file => existsSync(file) && majorOf(spawnSync(file, ['-v'], { encoding: 'utf8' }).stdout ?? '') >= nodeWanted,
  )
}

const whatToInstall = `Node ${nodeWanted} or newer is needed, this is ${process.version} on ${platform}: install it from https://nodejs.org, then run this again`

/** The lockfile and the platform decide what has to be installed: one hash of both, kept in node_modules. */
function install() {
  const wanted = createHash('sha256')
    .update(platform)
    .update(readFileSync(join(root, 'pnpm-lock.yaml')))
    .digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  if (!nodePackages.includes(platform) && !findNode()) giveUp(whatToInstall)
  say(`installing into ${modules} (${packageManager}; the first time takes a minute at most) …`)
  const began = Date.now()
  const ran = spawnSync('npx', ['-y', packageManager, 'install', '--frozen-lockfile', '--config.confirm-modules-purge=false'], {
    cwd: root,
    encoding: 'utf8',
    shell: windows,
  })
  if (ran.status !== 0) giveUp(`the install failed; what it said:\n${ran.error?.message ?? ''}${ran.stdout ?? ''}${ran.stderr ?? ''}`)
  writeFileSync(stamp, wanted)
  say(`installed in ${((Date.now() - began) / 1000).toFixed(1)} s`)
}

let child
let stopped
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => {
    stopped = signal
    child?.kill(signal)
  })

/** Runs `node ARGS` with our binaries first on PATH; resolves with the exit code, 128 + n after a signal. */
function run(node, nodeArgs) {
  if (stopped) return Promise.resolve(128 + constants.signals[stopped])
  const path = [join(modules, '.bin'), dirname(node), process.env.PATH].join(delimiter)
  return new Promise(resolve => {
    child = spawn(node, nodeArgs, { cwd: root, stdio: 'inherit', env: { ...process.env, PATH: path } })
    child.on('error', error => giveUp(`${node} cannot be started: ${error.message}`))
    child.on('close', (code, signal) => {
      child = undefined
      resolve(code ?? 128 + constants.signals[signal])
    })
  })
}

/** Types, lint and tests, in this order and all of them; the last line sums up. A failed check counts as one failure. */
async function test(node) {
  const sum = { passed: 0, failed: 0 }
  const step = async (name, nodeArgs) => {
    const code = await run(node, nodeArgs)
    if (code !== 0) say(`${name} failed with exit code ${code}`)
    return code
  }
  const check = async (name, file, ...rest) => {
    const code = await step(name, [join(modules, file), ...rest])
    if (code !== 0) sum.failed++
    return code
  }
  const types = await check('tsc', 'typescript/bin/tsc', '-p', 'tsconfig.json')
  const lint = await check('biome', '@biomejs/biome/bin/biome', 'check', '.')
  const tests = await vitest(step, sum)
  console.log(`${sum.passed} passed, ${sum.failed} failed`)
  return types || lint || tests
}

/** Vitest shows its results and writes them to a file, too: that is where the sums come from. */
async function vitest(step, sum) {
  const folder = mkdtempSync(join(tmpdir(), 'riacho-test-'))
  const report = join(folder, 'report.json')
  const options = [
    '--root',
    root,
    '--config',
    'test/vitest.config.ts',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ]
  const code = await step('vitest', [join(modules, 'vitest', 'vitest.mjs'), 'run', ...options, ...args])
  const counted = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : { numPassedTests: 0, numFailedTests: 0, testResults: [] }
  rmSync(folder, { recursive: true })
  sum.passed += counted.numPassedTests
  sum.failed += Math.max(counted.numFailedTests, code === 0 ? 0 : 1)
  // Whoever names tests has skipped the others.
  const skipped = counted.testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status !== 'passed' && status !== 'failed'),
  )
  if (args.length === 0) for (const { fullName } of skipped) say(`skipped: ${fullName}`)
  return code
}

const commands = {
  setup: () => 0,
  start: node => run(node, ['examples/event-processor/start.ts', ...args]),
  // Kafka, Connect, a registry, Cassandra, DynamoDB and SQS on this machine, until Ctrl-C.
  servers: node => run(node, ['test/servers/main.ts', ...args]),
  // The event processor on them, compared with a recomputation.
  e2e: node => run(node, ['test/e2e/production.ts', ...args]),
  // Builds Confluent's client the first time.
  confluent: node =>
    run(node, [
      join(modules, 'vitest', 'vitest.mjs'),
      'run',
      '--root',
      root,
      '--config',
      'test/vitest.config.ts',
      'kafka-confluent',
      ...args,
    ]),
  test,
}

const chosen = commands[command]
if (!chosen) giveUp(`no command ${JSON.stringify(command)}; there are: ${Object.keys(commands).join(', ')}`)
install()
process.exitCode = await chosen(findNode() ?? giveUp(whatToInstall))
