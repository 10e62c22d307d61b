import { createRequire } from 'node:module'
import { RiachoError } from '@riacho/streams'
import { reasonOf } from '@riacho/streams/engine'
import type { Driver } from './driver.ts'

const packageName = '@confluentinc/kafka-javascript'
const oldest = [1, 10, 1] as const

/** The environment variable that names the driver's folder when it is not installed beside the application. */
export const driverVariable = 'RIACHO_CONFLUENT_DRIVER'

/** Loads the driver: nothing needs it before. Throws `RIACHO_NO_CONFLUENT`, which says the command. */
export function loadDriver(named: string | undefined = process.env[driverVariable] || undefined): Driver {
  const require = createRequire(import.meta.url)
  const place = named ?? packageName
  try {
    const { version } = require(`${place}/package.json`) as { version: string }
    if (isOlder(version)) throw new Error(`its version is ${version}, ${oldest.join('.')} is the oldest that works`)
    return require(place) as Driver
  } catch (thrown) {
    const reason = reasonOf(thrown).split('\n')[0]
    const builds = `CKJS_LINKING=dynamic npm install ${packageName}@^${oldest.join('.')}`
    throw new RiachoError(
      'RIACHO_NO_CONFLUENT',
      `${place} cannot be loaded (${reason}): run \`${builds}\`, or set ${driverVariable} to the folder of a build`,
      { cause: thrown },
    )
  }
}

function isOlder(version: string): boolean {
  const numbers = version.split(/[.-]/).slice(0, oldest.length).map(Number)
  const at = oldest.findIndex((wanted, i) => wanted !== numbers[i])
  return at >= 0 && !((numbers[at] ?? 0) > (oldest[at] ?? 0))
}
