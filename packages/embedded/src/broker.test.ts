import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Broker } from '@riacho/streams/engine'
import { brokerSuite } from '@riacho/testing/suites'
import { afterAll, describe, expect, it } from 'vitest'
import { embedded } from './index.ts'

const functions = { describe, it, expect }
const reopenReason = 'memory ends with the broker'
const skip = [{ test: 'keeps records, transactions and committed offsets when it is opened again', reason: reopenReason }]

brokerSuite({ name: 'embedded, in memory', open: () => embedded(), skip }, functions)
brokerSuite({ name: 'embedded, in memory, loans poisoned', open: () => embedded({ poisonLoans: true }), skip }, functions)

const directories: string[] = []
const temporary = (): string => {
  const directory = mkdtempSync(join(tmpdir(), 'riacho-embedded-'))
  directories.push(directory)
  return directory
}
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

const places = new WeakMap<Broker, string>()
const openAt = async (directory: string): Promise<Broker> => {
  const broker = await embedded({ directory, poisonLoans: true, segmentBytesMax: 20_000 })
  places.set(broker, directory)
  return broker
}
const reopen = async (broker: Broker): Promise<Broker> => {
  await broker.close()
  return openAt(places.get(broker)!)
}
brokerSuite({ name: 'embedded, in a directory', open: () => openAt(temporary()), reopen }, functions)
