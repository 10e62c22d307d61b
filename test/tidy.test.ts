import { join } from 'node:path'
import { expect, it } from 'vitest'
import { filesOf, type Rule } from './tidy/files.ts'
import { noBarrels, noCycles, oneWay } from './tidy/imports.ts'
import { dependenciesExplained, documented, limitsTested, noAnyInContracts, noDrawers, noMarkers, noPlaces } from './tidy/names.ts'
import { connectorShape, interpreterIsBlind, operatorsTested, packageShape } from './tidy/shape.ts'
import { fileSizes, functionSizes, ratchet } from './tidy/sizes.ts'

const files = filesOf(join(import.meta.dirname, '..'))

const rules: Readonly<Record<string, Rule>> = {
  'files are short': fileSizes,
  'functions are short': functionSizes(ratchet),
  'imports have no cycle': noCycles,
  'imports go one way': oneWay,
  'an index is a package’s face and says its names': noBarrels,
  'no drawers': noDrawers,
  'exported names carry a doc comment': documented,
  'no leftover markers': noMarkers,
  'no machine paths and registry hosts': noPlaces,
  'contracts are exact': noAnyInContracts,
  'each limit is mentioned in a test': limitsTested,
  'each dependency is explained': dependenciesExplained,
  'each operator has its test': operatorsTested,
  'connectors have their shape and call their suites': connectorShape,
  'packages have their shape': packageShape,
  'the interpreter knows no case': interpreterIsBlind,
}

it.each(Object.entries(rules))('%s', (_name, rule) => {
  expect(rule(files)).toEqual([])
})
