import { describe, expect, it } from 'vitest'
import { InputOrder } from './priority-queue.ts'

const drain = (...times: number[]): string[] => {
  const order = new InputOrder<{ headTime: number; name: string }>()
  times.forEach((headTime, i) => {
    order.offer({ headTime, name: `${headTime}/${i}` })
  })
  return Array.from({ length: times.length }, () => order.poll()!.name)
}

describe('InputOrder', () => {
  it('gives the lowest time first', () => {
    expect(drain(5, 3, 9, 1, 7)).toEqual(['1/3', '3/1', '5/0', '7/4', '9/2'])
  })

  // Printed by java.util.PriorityQueue for the same offers.
  it('breaks ties as the heap of Java does', () => {
    expect(drain(1, 1, 1, 1)).toEqual(['1/0', '1/3', '1/2', '1/1'])
  })

  it('lets two inputs with equal times alternate', () => {
    const order = new InputOrder<{ headTime: number; name: string }>()
    const a = { headTime: 1, name: 'a' }
    const b = { headTime: 1, name: 'b' }
    order.offer(a)
    order.offer(b)
    const taken: string[] = []
    for (let i = 0; i < 4; i++) {
      const next = order.poll()!
      taken.push(next.name)
      order.offer(next)
    }
    expect(taken).toEqual(['a', 'b', 'a', 'b'])
  })
})
