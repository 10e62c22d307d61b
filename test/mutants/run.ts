import { spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { areas } from './areas.ts'
import type { Mutant } from './mutant.ts'

// Applies each deliberate bug to a copy of the tree and runs the test that must catch it: `npm run mutants`, `npm run mutants -- WORD` for those of the area WORD, or those
// whose name has it.

const root = join(import.meta.dirname, '..', '..')
const notCopied = new Set(['node_modules', '.git', '.riacho', 'coverage', 'dist'])
const workersMax = 2
/** A test that takes longer hangs, which counts as noticed. Milliseconds. */
const hangsAfter = 10_000
/** For one run of a test file, and for each of several. */
const runMost = 120_000
const fileMost = 30_000

interface Verdict {
  readonly passed: number
  readonly failed: number
  /** The end of what vitest said, and the names of the tests that failed. */
  readonly said: string
}

/** What vitest reports, as far as it is read. */
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: readonly { readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[] }[]
}

/** A copy of the sources whose packages find each other in the copy, and everything else where it is installed. */
function copied(folder: string): void {
  cpSync(root, folder, { recursive: true, filter: path => !notCopied.has(basename(path)) })
  const owners = [
    '',
    ...['packages', 'connectors', 'examples'].flatMap(group => readdirSync(join(root, group)).map(name => join(group, name))),
  ]
  for (const owner of owners)
    if (existsSync(join(root, owner, 'node_modules')))
      linked(join(root, owner, 'node_modules'), join(folder, owner, 'node_modules'), folder)
}

function linked(from: string, to: string, copy: string): void {
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from)) {
    if (name.startsWith('.')) continue
    if (name.startsWith('@')) linked(join(from, name), join(to, name), copy)
    else {
      const real = realpathSync(join(from, name))
      const inside = relative(root, real)
      const ours = !inside.startsWith('..') && !inside.split(/[\\/]/).includes('node_modules')
      symlinkSync(ours ? join(copy, inside) : real, join(to, name), 'junction')
    }
  }
}

/** Runs test files in a copy. */
function tested(copy: string, files: readonly string[]): Promise<Verdict> {
  const most = Math.max(runMost, files.length * fileMost)
  const report = join(copy, 'report.json')
  rmSync(report, { force: true })
  const args = ['run', '--root', copy, '--config', 'test/vitest.config.ts', '--maxWorkers', '1', '--testTimeout', String(hangsAfter)]
  const child = spawn(
    process.execPath,
    [join(root, 'node_modules', 'vitest', 'vitest.mjs'), ...args, '--reporter=json', `--outputFile=${report}`, ...files],
    { cwd: copy },
  )
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', chunk => {
      said = (said + String(chunk)).slice(-2000)
    })
  const timer = setTimeout(() => child.kill('SIGKILL'), most)
  return new Promise(resolve => {
    child.on('close', code => {
      clearTimeout(timer)
      if (code === null) return resolve({ passed: 0, failed: 1, said: `it hung for ${most} ms` })
      const told = existsSync(report) ? (JSON.parse(readFileSync(report, 'utf8')) as Report) : undefined
      const names = told?.testResults.flatMap(file =>
        file.assertionResults.filter(each => each.status === 'failed').map(each => each.fullName),
      )
      resolve({ passed: told?.numPassedTests ?? 0, failed: told?.numFailedTests ?? 0, said: [said, ...(names ?? [])].join('\n') })
    })
  })
}

/** What is wrong with a mutant, or undefined when its test caught it. */
async function tried(copy: string, mutant: Mutant): Promise<string | undefined> {
  const path = join(copy, mutant.file)
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const places = text.split(mutant.find).length - 1
  if (places !== 1) return `does not apply: what it replaces stands ${places} times in ${mutant.file}`
  writeFileSync(
    path,
    text.replace(mutant.find, () => mutant.replace),
  )
  try {
    const { passed, failed, said } = await tested(copy, [mutant.test])
    if (failed > 0) return undefined
    return passed > 0 ? `NOT CAUGHT: all ${passed} tests of ${mutant.test} pass` : `${mutant.test} did not run:\n${said}`
  } finally {
    writeFileSync(path, text)
  }
}

async function main(): Promise<number> {
  const word = process.argv[2] ?? ''
  const chosen = areas[word] ?? Object.values(areas).flatMap(mutants => mutants.filter(({ name }) => name.includes(word)))
  const home = mkdtempSync(join(tmpdir(), 'riacho-mutants-'))
  try {
    const copies = Array.from({ length: Math.min(workersMax, chosen.length) }, (_, i) => join(home, String(i)))
    for (const copy of copies) copied(copy)
    const files = [...new Set(chosen.map(mutant => mutant.test))]
    const sound = await tested(copies[0]!, files)
    if (sound.failed > 0 || sound.passed === 0) {
      console.log(`the tests fail without any mutant: ${sound.failed} failed, ${sound.passed} passed\n${sound.said}`)
      return 1
    }
    const queue = [...chosen]
    let missed = 0
    const work = async (copy: string): Promise<void> => {
      for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
        const wrong = await tried(copy, mutant)
        if (wrong !== undefined) missed++
        console.log(
          `${wrong === undefined ? 'caught' : 'MISSED'}  ${mutant.name} (${dirname(mutant.file)})${wrong === undefined ? '' : `\n        ${wrong}`}`,
        )
      }
    }
    await Promise.all(copies.map(work))
    console.log(`${chosen.length - missed} caught, ${missed} missed`)
    return missed > 0 || chosen.length === 0 ? 1 : 0
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

process.exitCode = await main()
