import { expect, it } from 'vitest'
import own from '../../package.json' with { type: 'json' }
import { checkLibrary, libraryVersion } from './library.ts'

it('takes one version of the library, the one that the package names', () => {
  expect(own.dependencies['@platformatic/kafka']).toBe(libraryVersion)
  expect(() => checkLibrary()).not.toThrow()
  expect(() => checkLibrary('2.12.2')).toThrow(/^CONFIGURATION: @platformatic\/kafka 2\.12\.2 is installed.* 2\.12\.1 exactly: install/)
})
