import { codeOf, isSource, isTest, nameOf, type Rule, type TextFile } from './files.ts'

interface Import {
  readonly from: TextFile
  /** As it is written. */
  readonly specifier: string
  /** The file of ours that it means. */
  readonly target: string | undefined
}

const statements = [
  /^(?:import|export)\b[^'"]*?\bfrom\s+['"]([^'"]+)['"]/gm,
  /^import\s+['"]([^'"]+)['"]/gm,
  /\bimport\(\s*['"]([^'"]+)['"]/g,
]

function join(folder: string, relative: string): string {
  const parts = folder.split('/')
  for (const part of relative.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}

/** What each name that a package of ours exports means: `@riacho/streams/engine` → its file. */
function exported(files: readonly TextFile[]): Map<string, string> {
  const packages = files.filter(({ path }) => /^(packages|connectors|examples)\/[^/]+\/package\.json$/.test(path))
  const names = packages.flatMap(({ path, text }) => {
    const { name, exports } = JSON.parse(text) as { name: string; exports?: Record<string, string> }
    const folder = path.slice(0, path.lastIndexOf('/'))
    return Object.entries(exports ?? {}).map(([entry, file]) => [join(name, entry), join(folder, file)] as const)
  })
  return new Map(names)
}

/** Every import of the sources, types included. */
export function importsOf(files: readonly TextFile[]): Import[] {
  const names = exported(files)
  return files
    .filter(({ path }) => isSource(path))
    .flatMap(from => {
      const code = codeOf(from.text)
      const specifiers = statements.flatMap(statement => [...code.matchAll(statement)].map(found => found[1]!))
      const folder = from.path.slice(0, from.path.lastIndexOf('/'))
      return specifiers.map(specifier => ({
        from,
        specifier,
        target: specifier.startsWith('.') ? join(folder, specifier) : names.get(specifier),
      }))
    })
}

/** No file imports itself in the end, not even for types. */
export const noCycles: Rule = files => {
  const targets = new Map<string, string[]>()
  for (const { from, target } of importsOf(files))
    if (target !== undefined) targets.set(from.path, [...(targets.get(from.path) ?? []), target])
  const done = new Set<string>()
  const complaints: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) complaints.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
    if (trail.includes(path) || done.has(path)) return
    for (const target of targets.get(path) ?? []) visit(target, [...trail, path])
    done.add(path)
  }
  for (const path of targets.keys()) visit(path, [])
  return complaints
}

const engineParts = [
  'packages/runtime',
  'packages/embedded',
  'packages/kafka',
  'packages/kafka-confluent',
  'packages/serdes',
  'packages/connect',
  'packages/lmdb',
]

/** The part of the project to which a path belongs. */
function areaOf(path: string): string {
  if (path.startsWith('test/')) return path.startsWith('test/oracle/') ? 'test/oracle' : 'test'
  return path.split('/').slice(0, 2).join('/')
}

/** Whether the arrow of the packages lets a file of one area use another area. */
function mayUse(from: TextFile, area: string, other: string): boolean {
  if (area === other) return true
  if (area === 'test/oracle') return false
  if (area === 'test' || area.startsWith('examples/')) return true
  if (isTest(from.path) && ['packages/streams', 'packages/testing', 'packages/embedded'].includes(other)) return true
  if (isTest(from.path) && area.startsWith('connectors/') && other === 'test') return true
  if (area === 'packages/streams') return false
  if (engineParts.includes(area) || area.startsWith('connectors/')) return other === 'packages/streams'
  if (area === 'packages/testing') return ['packages/streams', 'packages/runtime', 'packages/embedded'].includes(other)
  return area === 'packages/riacho' && other.startsWith('packages/')
}

/** Imports go one way. */
export const oneWay: Rule = files => {
  const ours = new Set(
    files.filter(({ path }) => nameOf(path) === 'package.json').map(({ text }) => (JSON.parse(text) as { name: string }).name),
  )
  return importsOf(files).flatMap(({ from, specifier, target }) => {
    const [first, second] = specifier.split('/')
    const name = specifier.startsWith('@') ? `${first}/${second}` : first!
    if (target === undefined) return ours.has(name) ? [`${from.path} imports ${specifier}, which the package does not export`] : []
    const [area, other] = [areaOf(from.path), areaOf(target)]
    const test = area.startsWith('test') || (isTest(from.path) && other.startsWith('test'))
    const around = area !== other && specifier.startsWith('.') && !test
    return mayUse(from, area, other) && !around ? [] : [`${from.path} may not import ${specifier}`]
  })
}

/** An index is a package's face: nobody inside reads it, and it says its names. */
export const noBarrels: Rule = files => {
  const misplaced = files.filter(({ path }) => nameOf(path) === 'index.ts' && !/^(packages|connectors)\/[^/]+\/src\/index\.ts$/.test(path))
  const inside = importsOf(files).filter(({ from, specifier }) => /^\.\.?\/(.*\/)?index\.ts$/.test(specifier) && !isTest(from.path))
  const stars = files.filter(({ path, text }) => isSource(path) && /^export \*/m.test(codeOf(text)))
  return [
    ...misplaced.map(({ path }) => `${path}: an index only stands at the root of a package's sources`),
    ...inside.map(({ from, specifier }) => `${from.path} imports ${specifier} from inside its package`),
    ...stars.map(({ path }) => `${path}: exports everything; say the names`),
  ]
}
