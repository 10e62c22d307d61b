import fc from 'fast-check'
import { firstValueFrom, from, toArray } from 'rxjs'
import { expect, it } from 'vitest'
import { aggregate } from '../operator/aggregate.ts'
import { count } from '../operator/count.ts'
import { hopping } from './hopping.ts'

const arrivals = fc.array(fc.record({ key: fc.constantFrom('a', 'b'), timestamp: fc.nat(60) }), { maxLength: 40 })
const shapes = fc.record({ size: fc.integer({ min: 1, max: 12 }), advance: fc.integer({ min: 1, max: 12 }), grace: fc.nat(8) })

/** Each window of each record, counted anew from all earlier records that were not late for it. */
function recount(
  records: readonly { readonly key: string; readonly timestamp: number }[],
  { size, advance, grace }: { size: number; advance: number; grace: number },
) {
  const counted: { readonly key: string; readonly start: number }[] = []
  return records.flatMap(({ key, timestamp }, i) => {
    const time = Math.max(...records.slice(0, i + 1).map(record => record.timestamp))
    const starts = Array.from({ length: 100 }, (_, n) => n * advance).filter(
      start => start <= timestamp && timestamp < start + size && start + size > time - grace,
    )
    return starts.map(start => {
      counted.push({ key, start })
      return [key, start, start + size, counted.filter(each => each.key === key && each.start === start).length]
    })
  })
}

it('counts in windows as a naive recomputation does', async () => {
  await fc.assert(
    fc.asyncProperty(arrivals, shapes, async (records, shape) => {
      fc.pre(shape.advance <= shape.size)
      const input = from(records.map(record => ({ ...record, value: 1, headers: [] })))
      const changes = await firstValueFrom(input.pipe(count('n', { window: hopping(shape.size, shape) }), toArray()))
      expect(changes.map(({ key, value }) => [key.key, key.start, key.end, value])).toEqual(recount(records, shape))
    }),
  )
})

it('hands on what each window was before, init at first', async () => {
  const joined = aggregate(
    's',
    () => '>',
    (value: string, sum: string) => sum + value,
    { window: hopping(10, { advance: 5, grace: 100 }) },
  )
  const records = [
    { key: 'a', value: 'x', timestamp: 6, headers: [] },
    { key: 'a', value: 'y', timestamp: 11, headers: [] },
  ]
  const changes = await firstValueFrom(from(records).pipe(joined, toArray()))
  expect(changes.map(({ key, previous, value }) => [key.start, previous, value])).toEqual([
    [0, '>', '>x'],
    [5, '>', '>x'],
    [5, '>x', '>xy'],
    [10, '>', '>y'],
  ])
})
