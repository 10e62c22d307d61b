import { describe, expect, it } from 'vitest'
import { Punctuations } from './punctuations.ts'

/** Schedules one punctuator at a time of its clock, and returns when it is called as that clock moves. */
function called(clock: 'stream' | 'wall', scheduledAt: number, times: readonly number[], anchor?: number): readonly number[] {
  const punctuations = new Punctuations()
  const calls: number[] = []
  punctuations.add(10, clock, time => calls.push(time), scheduledAt, anchor)
  for (const time of times) punctuations.run(clock, time)
  return calls
}

describe('when a punctuator is called', () => {
  it('stream time: at the first time there is, then at multiples of the interval', () => {
    expect(called('stream', -1, [-1, 3, 9, 10, 11, 20, 29])).toEqual([3, 10, 20])
  })

  it('wall clock: one interval after it was scheduled', () => {
    expect(called('wall', 103, [103, 112, 113, 122, 123])).toEqual([113, 123])
  })

  it('missed times are made up for by one call, and the next is in step again', () => {
    expect(called('wall', 0, [35, 39, 40])).toEqual([35, 40])
  })

  it('anchored in the future: at the anchor', () => {
    expect([called('wall', 100, [100, 124, 125, 134, 135], 125), called('stream', -1, [3, 4, 5, 14, 15], 5)]).toEqual([
      [125, 135],
      [5, 15],
    ])
  })

  // As `StreamTask.getInitialSchedule`: the first one is not made before its time, and never at the time of scheduling.
  it('anchored in the past: at the next time in step, not at once', () => {
    expect([called('wall', 100, [100, 102, 103, 112, 113], 3), called('stream', 100, [100, 102, 103], 3)]).toEqual([[103, 113], [103]])
    expect([called('wall', 103, [103, 112, 113], 3), called('wall', 3, [3, 13], 3)]).toEqual([[113], [3, 13]])
  })
})

it('goes by its own clock', () => {
  const punctuations = new Punctuations()
  const calls: string[] = []
  punctuations.add(10, 'wall', () => calls.push('wall'), 0)
  punctuations.add(10, 'stream', () => calls.push('stream'), -1)
  expect([punctuations.run('wall', 10), calls.splice(0), punctuations.run('stream', 10), calls, punctuations.run('wall', 19)]).toEqual([
    true,
    ['wall'],
    true,
    ['stream'],
    false,
  ])
})

it('can be cancelled, also by itself and by another that is due at the same time', () => {
  const punctuations = new Punctuations()
  const calls: string[] = []
  const cancel = punctuations.add(
    10,
    'stream',
    () => {
      calls.push('first')
      cancel()
      cancelThird()
    },
    -1,
  )
  punctuations.add(10, 'stream', () => calls.push('second'), -1)
  const cancelThird = punctuations.add(10, 'stream', () => calls.push('third'), -1)
  for (const time of [0, 10]) punctuations.run('stream', time)
  expect(calls).toEqual(['first', 'second', 'second'])
})

it('one that is scheduled by another is called in the same round when it is due', () => {
  const punctuations = new Punctuations()
  const calls: string[] = []
  const cancel = punctuations.add(
    10,
    'stream',
    time => {
      cancel()
      punctuations.add(10, 'stream', at => calls.push(`second ${at}`), time)
    },
    -1,
  )
  for (const time of [7, 8, 10]) punctuations.run('stream', time)
  expect(calls).toEqual(['second 7', 'second 10'])
})

// Java's PriorityQueue: (0, a) (0, b) (0, c) are polled as a, c, b; each is offered again as soon as it was called.
it('those that are due at once are called in the order of Java’s queue', () => {
  const punctuations = new Punctuations()
  const calls: string[] = []
  for (const name of ['a', 'b', 'c']) punctuations.add(10, 'stream', () => calls.push(name), -1)
  punctuations.run('stream', 0)
  expect(calls).toEqual(['a', 'c', 'b'])
})

it.each([
  [
    [['second'], ['first']],
    ['first', 'second'],
  ],
  [[['first', 'second']], ['first', 'second']],
])('of nodes opened from the last to the first, %j, the first node is called first', (nodes, called) => {
  const punctuations = new Punctuations()
  const calls: string[] = []
  for (const names of nodes) {
    punctuations.openNode()
    for (const name of names) punctuations.add(10, 'stream', () => calls.push(name), -1)
  }
  punctuations.opened()
  punctuations.run('stream', 0)
  expect(calls).toEqual(called)
})
