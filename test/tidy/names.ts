import { codeOf, isRecorded, isSource, isTest, linesOf, matches, nameOf, type Rule, type TextFile } from './files.ts'

const drawer = /^(utils?|helpers?|common|shared|misc|base)$/

/** No file or folder is a drawer for anything. */
export const noDrawers: Rule = files =>
  files
    .filter(({ path }) => !isRecorded(path))
    .filter(({ path }) =>
      path.split('/').some(part =>
        part
          .replace(/(\.test)?\.[a-z]+$/, '')
          .split('-')
          .some(word => drawer.test(word)),
      ),
    )
    .map(({ path }) => `${path}: name the noun that it holds`)

const declared = /^export (?:default )?(?:declare )?(?:abstract )?(?:async )?(?:function\*?|const|let|class|interface|type) (\w+)/

/** Every exported name says what it is; an overload is covered by the comment of the first. */
export const documented: Rule = files =>
  files
    .filter(({ path }) => isSource(path) && !isTest(path))
    .flatMap(({ path, text }) => {
      const lines = linesOf(text)
      const seen = new Set<string>()
      return lines.flatMap((line, i) => {
        const name = declared.exec(line)?.[1]
        if (name === undefined || seen.has(name)) return []
        seen.add(name)
        return lines[i - 1]?.trimEnd().endsWith('*/') ? [] : [`${path}:${i + 1}: ${name} has no doc comment`]
      })
    })

const marker = /\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K|WI[P])\b|\bfor n[o]w\b|\btempora[r]y (?:fix|solution|code)\b/

/** Nothing was left for later. */
export const noMarkers: Rule = files => files.filter(({ path }) => !isRecorded(path)).flatMap(file => matches(file, marker))

const machinePath = /(?<![\w.)-])\/(?:home|Users|work|root)\/[\w.-]+/
const registryHost =
  /\b(?:npmjs\.(?:org|com)|yarnpkg\.com|npmmirror\.com|pypi\.org|proxy\.golang\.org|repo1?\.maven\.\w+)|\btarball: https?:/

/** Nothing names a machine's folders or a package registry. */
export const noPlaces: Rule = files =>
  files
    .filter(({ path }) => path === 'pnpm-lock.yaml' || !isRecorded(path))
    .filter(({ path }) => !path.startsWith('test/tidy/'))
    .flatMap(file => [...matches(file, machinePath), ...matches(file, registryHost)])

const anyType = /(?:[:<|&,(=]\s*|\bas )any\b/

/** A contract is exact. */
export const noAnyInContracts: Rule = files =>
  files.filter(({ path }) => /^packages\/[^/]+\/src\/contract\//.test(path)).flatMap(file => matches(file, anyType, codeOf(file.text)))

const limit = /\b(?:readonly|const|let)\s+([a-z]\w*Max)\b|^\s+([a-z]\w*Max)\??:\s*(?:number|[\d_]+)/gm

/** The names of the limits that sources declare: constants and options that end in Max. */
function limitsOf(file: TextFile): string[] {
  return [...codeOf(file.text).matchAll(limit)].map(found => (found[1] ?? found[2])!)
}

/** Each limit has a test that mentions it. */
export const limitsTested: Rule = files => {
  const tests = files.filter(({ path }) => isTest(path) || path.startsWith('packages/testing/src/')).map(({ text }) => text)
  const sources = files.filter(({ path }) => /^(packages|connectors)\/[^/]+\/src\//.test(path) && isSource(path) && !isTest(path))
  const complaints = sources.flatMap(file => {
    const untested = limitsOf(file).filter(name => !tests.some(text => new RegExp(`\\b${name}\\b`).test(text)))
    return untested.map(name => `${file.path}: no test mentions ${name}`)
  })
  return [...new Set(complaints)]
}

/** Why each dependency is there is written down. */
export const dependenciesExplained: Rule = files => {
  const decisions = files.find(({ path }) => path === 'docs/decisions.md')?.text ?? ''
  return files
    .filter(({ path }) => nameOf(path) === 'package.json')
    .flatMap(({ path, text }) => {
      const manifest = JSON.parse(text) as Record<string, Record<string, string> | undefined>
      const kinds = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']
      const foreign = kinds.flatMap(kind => Object.entries(manifest[kind] ?? {})).filter(([, version]) => !version.startsWith('workspace:'))
      return foreign.filter(([name]) => !decisions.includes(name)).map(([name]) => `${path}: docs/decisions.md does not name ${name}`)
    })
}
