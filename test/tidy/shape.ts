import { isSource, isTest, nameOf, type Rule, type TextFile } from './files.ts'

/** Each operator has its test beside it. */
export const operatorsTested: Rule = files => {
  const operators = files.map(({ path }) => path).filter(path => /^packages\/streams\/src\/operator\/[^/]+\.ts$/.test(path))
  const present = new Set(operators)
  return operators
    .filter(path => !isTest(path) && !path.endsWith('.fixture.ts') && !present.has(path.replace(/\.ts$/, '.test.ts')))
    .map(path => `${path}: has no test beside it`)
}

const connectorFile = /^(package\.json|README\.md|src\/(index|options|client|errors|sink|source|lookup)(\.test)?\.ts)$/

/** A connector's folder has the stated files and no others, and its tests call the suites of what it is. */
export const connectorShape: Rule = files => {
  const folders = Map.groupBy(
    files.filter(({ path }) => path.startsWith('connectors/')),
    ({ path }) => path.split('/')[1]!,
  )
  return [...folders].flatMap(([name, members]) => {
    const inside = (file: TextFile): string => file.path.slice(`connectors/${name}/`.length)
    const has = (path: string): boolean => members.some(file => inside(file) === path)
    const others = members.filter(file => !connectorFile.test(inside(file))).map(({ path }) => `${path}: has no place in a connector`)
    const required = ['package.json', 'README.md', 'src/index.ts']
    const missing = required.filter(path => !has(path)).map(path => `connectors/${name}/${path} is missing`)
    const ends = ['sink', 'source'].filter(end => has(`src/${end}.ts`))
    const tests = members.filter(({ path }) => isTest(path))
    const untested = ends.filter(end => !tests.some(({ text }) => text.includes(`${end}Suite(`)))
    return [
      ...others,
      ...missing,
      ...(ends.length === 0 ? [`connectors/${name}: is neither a sink nor a source`] : []),
      ...untested.map(end => `connectors/${name}: no test calls ${end}Suite`),
    ]
  })
}

/** A package has at least three sources, and no configuration but package.json. */
export const packageShape: Rule = files => {
  const folders = Map.groupBy(
    files.filter(({ path }) => path.startsWith('packages/')),
    ({ path }) => path.split('/')[1]!,
  )
  return [...folders].flatMap(([name, members]) => {
    const sources = members.filter(({ path }) => isSource(path) && !isTest(path) && path.startsWith(`packages/${name}/src/`))
    const outside = members.filter(({ path }) => !path.startsWith(`packages/${name}/src/`))
    const others = outside.filter(({ path }) => !['package.json', 'README.md'].includes(path.slice(`packages/${name}/`.length)))
    return [
      ...(sources.length < 3 ? [`packages/${name}: ${sources.length} sources: fold it into another package`] : []),
      ...others.map(({ path }) => `${path}: a package holds package.json, README.md and src`),
    ]
  })
}

const casesFolder = 'test/conformance/cases/'

/** The words of the case format: what stands between back quotes in FORMAT.md. */
function formatWords(files: readonly TextFile[]): Set<string> {
  const format = files.find(({ path }) => path === 'test/conformance/FORMAT.md')?.text ?? ''
  return new Set([...format.matchAll(/`([^`]+)`/g)].flatMap(found => found[1]!.split(/[^\w-]+/)))
}

/** The interpreter knows operations, not cases: it names no family, template or case, and nothing of the text that pictures a topology. */
export const interpreterIsBlind: Rule = files => {
  const recorded = files.filter(({ path }) => path.startsWith(casesFolder))
  const words = formatWords(files)
  const names = recorded.flatMap(({ path, text }) => {
    const { family, template, cases } = JSON.parse(text) as { family: string; template: string; cases: { name: string }[] }
    return [family, template, `${family}/${template}`, nameOf(path), ...cases.flatMap(({ name }) => [name, nameOf(name)])]
  })
  const banned = [...new Set(names)].filter(name => !words.has(name))
  const patterns = [...banned, 'describe'].map(name => [name, new RegExp(`(?<![\\w/-])${name.replaceAll('.', '\\.')}(?![\\w/-])`)] as const)
  const interpreters = files.filter(({ path }) => /^test\/conformance\/interpreter[^/]*\.ts$/.test(path))
  if (recorded.length === 0 || interpreters.length === 0) return ['test/conformance: no cases or no interpreter found']
  return interpreters.flatMap(({ path, text }) =>
    patterns.filter(([, pattern]) => pattern.test(text)).map(([name]) => `${path}: names ${name}`),
  )
}
