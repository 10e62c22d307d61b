import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Heap } from './heap.ts'

it('hands out the least, whatever is pushed between', () => {
  const steps = fc.array(fc.option(fc.integer({ min: 0, max: 20 }), { freq: 2 }), { maxLength: 200 })
  fc.assert(
    fc.property(steps, drawn => {
      const heap = new Heap<number>((a, b) => a < b)
      let list: number[] = []
      for (const each of drawn) {
        if (each === null) {
          expect(heap.pop()).toBe(list[0])
          list = list.slice(1)
        } else {
          heap.push(each)
          list = [...list, each].sort((a, b) => a - b)
        }
        expect([heap.size, heap.peek()]).toEqual([list.length, list[0]])
      }
    }),
  )
})
