import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Versions, type VersionsUndo } from './versions.ts'

/** Undoes what it was told, the last first. */
class Taken implements VersionsUndo<number> {
  readonly #steps: (() => void)[] = []
  inserted(versions: Versions<number>, at: number): void {
    this.#steps.push(() => versions.remove(at))
  }
  replaced(versions: Versions<number>, at: number, before: number | null | undefined): void {
    this.#steps.push(() => versions.replace(at, before))
  }
  back(): void {
    for (const step of this.#steps.reverse()) step()
  }
}

const put = fc.record({ from: fc.nat(60), lasts: fc.integer({ min: 1, max: 9 }), value: fc.option(fc.nat(9)) })
type Put = typeof put extends fc.Arbitrary<infer P> ? P : never
/** Puts as a store does: one that ends where what is known says, else after its time. */
function puts(versions: Versions<number>, all: readonly Put[], undo?: Taken): void {
  for (const { from, lasts, value } of all) {
    const end = versions.endOf(from)
    if (end === Number.POSITIVE_INFINITY && value === null) versions.endAt(from, undo)
    else versions.put(from, end === Number.POSITIVE_INFINITY ? from + lasts : end, value, undo)
  }
}
const shown = (versions: Versions<number>) =>
  Array.from({ length: 80 }, (_, time) => [versions.asOf(time)?.value, versions.asOf(time)?.timestamp, versions.endOf(time)])

it('knows each millisecond what it was told last of it, whether there are few or many', () => {
  fc.assert(
    fc.property(fc.array(put, { maxLength: 60, size: 'max' }), all => {
      const versions = new Versions<number>('k')
      const values = new Map<number, { readonly value: number; readonly timestamp: number } | undefined>()
      for (const each of all) {
        const end = versions.endOf(each.from)
        const until = end === Number.POSITIVE_INFINITY ? each.from + each.lasts : end
        puts(versions, [each])
        const { from, value } = each
        for (let time = from; time < until; time++) values.set(time, value === null ? undefined : { value, timestamp: from })
      }
      for (let time = 0; time < 80; time++) expect(versions.asOf(time)).toEqual(values.get(time))
    }),
  )
})

it('takes back what it did', () => {
  fc.assert(
    fc.property(fc.array(put, { maxLength: 30, size: 'max' }), fc.array(put, { maxLength: 30, size: 'max' }), (before, after) => {
      const versions = new Versions<number>('k')
      puts(versions, before)
      const was = shown(versions)
      const taken = new Taken()
      puts(versions, after, taken)
      taken.back()
      expect([shown(versions), versions.empty]).toEqual([was, before.length === 0])
    }),
  )
})

it('lets go of what ended before a time, and is empty when all has', () => {
  const some = fc.array(put, { minLength: 1, maxLength: 40, size: 'max' })
  fc.assert(
    fc.property(some, fc.nat(80), (all, limit) => {
      const whole = new Versions<number>('k')
      puts(whole, all)
      const was = shown(whole)
      const end = Math.max(...was.map(each => each[2]!).filter(Number.isFinite), 0)
      for (const until of [limit, end, end + 1]) {
        const versions = new Versions<number>('k')
        puts(versions, all)
        versions.trim(until)
        expect(shown(versions).slice(until)).toEqual(was.slice(until))
        expect(versions.empty).toBe(end < until)
      }
    }),
  )
})
