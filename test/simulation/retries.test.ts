import { mapAsync, text, to, topic, topology } from '@riacho/streams'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Failing, fatesOf } from '../oracle/retries.ts'
import { allRestarts, played } from './restarts.fixture.ts'

const delays = [10, 30, 100]

/** Fails a value as often as it says, and writes down each try as its application sees it. */
function retried(tries: [value: string, count: number][]) {
  return topology(
    'retried',
    topic('in', { key: text, value: text }).pipe(
      mapAsync(
        async (value, { headers }) => {
          const count = Number(headers.find(([name]) => name === 'RetryCount')?.[1] ?? 0)
          tries.push([value, count])
          if (count < Number(value.split('/')[1])) throw new Error('not yet')
          return `${value} at ${count}`
        },
        { retry: { retriesMax: 3, topics: { name: 'later', delays } }, onError: { deadLetter: 'dead' }, breaker: false },
      ),
      to('out', { value: text }),
    ),
  )
}

const seed = Number(process.env.RIACHO_SEED ?? Math.floor(Math.random() * 2 ** 31))

it(`each record has exactly its tries, nothing is lost or doubled, however the application fares (RIACHO_SEED=${seed})`, async () => {
  const one = fc.record({
    key: fc.constantFrom('a', 'b', 'c'),
    fails: fc.integer({ min: 0, max: 5 }),
    wait: fc.integer({ min: 0, max: 60 }),
  })
  const property = fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 12 }), fc.boolean(), async (given, finish) => {
    const last = finish ? Array.from({ length: 4 }, () => ({ key: 'tick', fails: 0, wait: 1000 })) : []
    const written = [...given, ...last].map((each, i) => ({ ...each, value: `${i}/${each.fails}` }))
    const fates = fatesOf(written satisfies readonly Failing[], delays)
    const out = fates.filter(({ end }) => end === 'out').map(({ value, tries }) => `${value} at ${tries - 1}`)
    const dead = fates.filter(({ end }) => end === 'dead').map(({ value }) => value)
    const tries = fates.flatMap(fate => Array.from({ length: fate.tries }, (_, n) => `${fate.value} try ${n}`))
    const input = written.map(({ key, value, wait }, i) => ({ topic: 'in', key, value, wait, at: i }))
    for (const restarts of allRestarts) {
      const seen: [string, number][] = []
      const stands = await played(retried(seen), input, restarts)
      const of = (name: string): string[] => stands.filter(each => each.topic === name).map(({ value }) => String(value))
      expect(of('out').sort(), restarts).toEqual(out.sort())
      expect(of('dead').sort(), restarts).toEqual(dead.sort())
      const made = seen.map(([value, count]) => `${value} try ${count}`)
      // What was not committed is done again.
      const again = restarts === 'each uncommitted' || restarts === 'each refused'
      expect((again ? [...new Set(made)] : made).sort(), restarts).toEqual(tries.sort())
    }
  })
  await fc.assert(property, { seed, numRuns: 40 })
})
