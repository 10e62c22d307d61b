import { describe, expect, it } from 'vitest'
import { codeOf, type Rule, type TextFile } from './files.ts'
import { noBarrels, noCycles, oneWay } from './imports.ts'
import { dependenciesExplained, documented, limitsTested, noAnyInContracts, noDrawers, noMarkers, noPlaces } from './names.ts'
import { connectorShape, interpreterIsBlind, operatorsTested, packageShape } from './shape.ts'
import { fileSizes, functionSizes } from './sizes.ts'

const files = (tree: Readonly<Record<string, string>>): TextFile[] => Object.entries(tree).map(([path, text]) => ({ path, text }))
const lines = (n: number): string => '  call()\n'.repeat(n)
const manifest = (name: string, more = {}): string => JSON.stringify({ name, exports: { '.': './src/index.ts' }, ...more })
const streams = { 'packages/streams/package.json': manifest('@riacho/streams'), 'packages/streams/src/index.ts': '' }
const words = [['TO', 'DO'].join(''), ['FIX', 'ME'].join(''), ['for', 'now'].join(' ')].map(word => `// ${word}`)
const anyOf = (type: string): string => `export type A = ${type}\n`
const aCase = JSON.stringify({ family: 'fam', template: 'count', cases: [{ name: 'fam/count/hand' }] })
const interpreterFor = (text: string) => ({
  'test/conformance/FORMAT.md': 'the op `count`',
  'test/conformance/cases/fam/count.json': aCase,
  'test/conformance/interpreter.ts': text,
})

/** Each rule with a tree that it accepts and trees that it refuses. */
const trials: readonly (readonly [string, Rule, Readonly<Record<string, string>>, readonly Readonly<Record<string, string>>[]])[] = [
  ['file sizes', fileSizes, { 'a.ts': lines(400), 'pnpm-lock.yaml': lines(401) }, [{ 'a.ts': lines(401) }]],
  [
    'function sizes',
    functionSizes({}),
    {
      'a.ts': `function f() {\n${lines(68)}}\n`,
      'b.test.ts': `describe('b', () => {\n  it('c', () => {\n${lines(60)}  })\n${lines(60)}})\n`,
    },
    [
      { 'a.ts': `function f() {\n${lines(69)}}\n` },
      { 'a.ts': `export const f = (a: A): B => {\n${lines(69)}}\n` },
      { 'a.ts': `class A {\n  async run(a: A): Promise<B> {\n${lines(69)}  }\n}\n` },
      { 'a.ts': `export function f(\n  a: A,\n): B {\n${lines(67)}}\n` },
      { 'a.test.ts': `it('a', () => {\n${lines(69)}})\n` },
    ],
  ],
  [
    'a function that shrank',
    functionSizes({ 'a.ts:f': 80 }),
    { 'a.ts': `function f() {\n${lines(78)}}\n` },
    [{ 'a.ts': `function f() {\n${lines(77)}}\n` }, {}],
  ],
  [
    'cycles',
    noCycles,
    { 'x/a.ts': "import { b } from './b.ts'", 'x/b.ts': "// import { a } from './a.ts'" },
    [
      { 'x/a.ts': "import type { B } from './b.ts'", 'x/b.ts': "import {\n  a,\n} from './a.ts'" },
      {
        ...streams,
        'packages/streams/src/index.ts': "export { a } from './a.ts'",
        'packages/streams/src/a.ts': "import { b } from '@riacho/streams'",
      },
    ],
  ],
  [
    'the arrow',
    oneWay,
    {
      ...streams,
      'connectors/x/src/sink.ts': "import type { Sink } from '@riacho/streams'\nimport { z } from 'zod'",
      'test/a.ts': "import '@riacho/streams'",
    },
    [
      { ...streams, 'test/oracle/a.ts': "import { text } from '@riacho/streams'" },
      { ...streams, 'test/oracle/a.ts': "import { a } from '../a.ts'" },
      { ...streams, 'packages/runtime/src/a.ts': "import { text } from '../../streams/src/index.ts'" },
      { ...streams, 'packages/runtime/src/a.ts': "import { text } from '@riacho/streams/inside'" },
      { 'packages/runtime/package.json': manifest('@riacho/runtime'), 'packages/streams/src/a.ts': "await import('@riacho/runtime')" },
      { 'connectors/x/package.json': manifest('@riacho/x'), 'packages/riacho/src/a.ts': "import { x } from '@riacho/x'" },
    ],
  ],
  [
    'barrels',
    noBarrels,
    { 'packages/a/src/index.ts': "export { b } from './b.ts'" },
    [
      { 'packages/a/src/index.ts': "export * from './b.ts'" },
      { 'packages/a/src/b/index.ts': '' },
      { 'packages/a/src/b.ts': "import { c } from './index.ts'" },
    ],
  ],
  [
    'drawers',
    noDrawers,
    { 'a/database.ts': '', 'tsconfig.base.json': '' },
    [{ 'a/string-utils.ts': '' }, { 'common/a.ts': '' }, { 'a/helper.test.ts': '' }],
  ],
  [
    'comments',
    documented,
    { 'a.ts': '/** What. */\nexport function a(x: 1): 1\nexport function a(x: 2): 2\n' },
    [{ 'a.ts': '// What.\nexport interface A {}' }],
  ],
  ['markers', noMarkers, { 'a.ts': '// todos os dias' }, words.map(text => ({ 'a.ts': text }))],
  [
    'places',
    noPlaces,
    { 'a.md': 'a/work/b and /data/x' },
    [{ 'a.md': `see ${['', 'home', 'me'].join('/')}` }, { 'a.md': `from registry.${'npmjs'}.org` }],
  ],
  [
    'any',
    noAnyInContracts,
    { 'packages/a/src/contract/b.ts': `// any\n${anyOf('unknown')}`, 'packages/a/src/b.ts': anyOf('any') },
    [anyOf('any'), anyOf('Serde<any>'), anyOf('(a: any) => void')].map(text => ({ 'packages/a/src/contract/b.ts': text })),
  ],
  [
    'limits',
    limitsTested,
    { 'packages/a/src/b.ts': 'const rowsMax = 3', 'packages/a/src/b.test.ts': 'rowsMax' },
    [{ 'packages/a/src/b.ts': '  readonly rowsMax?: number', 'packages/a/src/b.test.ts': 'otherRowsMax' }],
  ],
  [
    'dependencies',
    dependenciesExplained,
    {
      'package.json': manifest('a', { dependencies: { zod: '1.0.0', '@riacho/streams': 'workspace:*' } }),
      'docs/decisions.md': 'zod because',
    },
    [{ 'package.json': manifest('a', { peerDependencies: { zod: '1.0.0' } }) }],
  ],
  [
    'operators',
    operatorsTested,
    { 'packages/streams/src/operator/map.ts': '', 'packages/streams/src/operator/map.test.ts': '' },
    [{ 'packages/streams/src/operator/map.ts': '', 'packages/streams/src/operator/map-values.test.ts': '' }],
  ],
  [
    'connectors',
    connectorShape,
    connectorOf({ 'src/sink.test.ts': 'sinkSuite({})' }),
    [connectorOf({}), connectorOf({ 'src/sink.test.ts': 'sinkSuite({})', 'src/pool.ts': '' }), { 'connectors/x/package.json': '' }],
  ],
  [
    'packages',
    packageShape,
    { 'packages/a/package.json': '', 'packages/a/src/b.ts': '', 'packages/a/src/c.ts': '', 'packages/a/src/d.ts': '' },
    [
      { 'packages/a/src/b.ts': '', 'packages/a/src/c.ts': '', 'packages/a/src/c.test.ts': '' },
      { 'packages/a/tsconfig.json': '', 'packages/a/src/b.ts': '', 'packages/a/src/c.ts': '', 'packages/a/src/d.ts': '' },
    ],
  ],
  [
    'the interpreter',
    interpreterIsBlind,
    interpreterFor("count: 'family', handle"),
    ["if (name === 'fam')", "'fam/count'", 'of the hand case', "'describe'"].map(text => interpreterFor(text)),
  ],
]

function connectorOf(more: Readonly<Record<string, string>>): Record<string, string> {
  const tree = { 'package.json': '', 'README.md': '', 'src/index.ts': '', 'src/sink.ts': '', ...more }
  return Object.fromEntries(Object.entries(tree).map(([path, text]) => [`connectors/x/${path}`, text]))
}

describe.each(trials)('the rule of %s', (_name, rule, accepted, refused) => {
  it('accepts what is tidy', () => expect(rule(files(accepted))).toEqual([]))
  it.each(refused.map((tree, i) => [i + 1, tree] as const))('refuses what is not (%i)', (_i, tree) => {
    expect(rule(files(tree))).not.toEqual([])
  })
})

it('tells comments from code', () => {
  expect(codeOf('/** a\n * b */\nc // d\n// e\nf')).toBe('\n\nc // d\n\nf')
})
