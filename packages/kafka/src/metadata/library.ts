import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { KafkaError } from '../errors.ts'

/** The version of `@platformatic/kafka` whose encoders are used: its low level promises nothing from one version to the next. */
export const libraryVersion = '2.12.1'

/** Throws CONFIGURATION when another version is installed. What is bundled into one file is not looked at. */
export function checkLibrary(installed: string | undefined = installedVersion()): void {
  if (installed === undefined || installed === libraryVersion) return
  throw new KafkaError(
    'CONFIGURATION',
    `@platformatic/kafka ${installed} is installed, and this client is made for ${libraryVersion} exactly: install that one, and take it out of overrides and resolutions`,
  )
}

function installedVersion(): string | undefined {
  try {
    const path = findPackageJSON('@platformatic/kafka', import.meta.url)
    return path === undefined ? undefined : (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
  } catch {
    return undefined
  }
}
