import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { areas } from './areas.ts'

const root = join(import.meta.dirname, '..', '..')
const all = Object.values(areas).flat()

it.each(Object.entries(areas))('%s: each bug has its place in the code, once, and a test', (_area, mutants) => {
  const wrong = mutants.flatMap(({ name, file, find, replace, test }) => {
    const path = join(root, file)
    const places = existsSync(path) ? readFileSync(path, 'utf8').split(find).length - 1 : 0
    return [
      ...(places === 1 ? [] : [`${name}: what it replaces stands ${places} times in ${file}`]),
      ...(find === replace ? [`${name}: it changes nothing`] : []),
      ...(existsSync(join(root, test)) ? [] : [`${name}: ${test} is not there`]),
    ]
  })
  expect(wrong).toEqual([])
})

it('no two bugs have the same name', () => {
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
})
