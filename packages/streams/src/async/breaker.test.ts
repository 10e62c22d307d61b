import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Breaker, type Ended } from './breaker.ts'

const pause = { min: 100, max: 1000 }

it('opens after failures of different work in a row, and not of one that fails again and again', () => {
  const breaker = new Breaker({ failures: 3, pause })
  const [a, b, c, d] = [{}, {}, {}, {}]
  for (let i = 0; i < 10; i++) breaker.leave(a, 'failed', 0)
  breaker.leave(b, 'failed', 0)
  expect(breaker.state(0)).toBe('closed')
  breaker.leave(c, 'worked', 0)
  breaker.leave(a, 'failed', 0)
  breaker.leave(b, 'failed', 0)
  expect(breaker.state(0)).toBe('closed')
  breaker.leave(d, 'failed', 0)
  expect([breaker.state(99), breaker.state(100)]).toEqual(['open', 'half-open'])
})

it('what fails again says nothing new, unless it was let in to look', () => {
  const breaker = new Breaker({ failures: 2, pause })
  for (let i = 0; i < 10; i++) breaker.leave({}, 'failed again', 0)
  expect(breaker.state(0)).toBe('closed')
  breaker.leave({}, 'away', 0)
  const probe = {}
  breaker.enter(probe, 100)
  breaker.leave(probe, 'failed again', 150)
  expect([breaker.state(349), breaker.state(350)]).toEqual(['open', 'half-open'])
})

it('opens at once when the system is away, longer each time, up to the cap', () => {
  const breaker = new Breaker({ pause })
  let now = 0
  const pauses: number[] = []
  for (let i = 0; i < 6; i++) {
    const work = {}
    expect(breaker.enter(work, now)).toBe(0)
    breaker.leave(work, 'away', now)
    pauses.push(breaker.enter({}, now))
    now += pauses.at(-1)!
  }
  expect(pauses).toEqual([100, 200, 400, 800, 1000, 1000])
})

it('lets one in when half open, and those who wait when that is over', async () => {
  const breaker = new Breaker({ pause })
  const probe = {}
  breaker.leave({}, 'away', 0)
  expect([breaker.enter(probe, 100), breaker.enter({}, 100) > 0, breaker.enter({}, 99_999) > 0]).toEqual([0, true, true])
  const woken = breaker.changed()
  breaker.leave(probe, 'worked', 200)
  await woken
  expect([breaker.state(200), breaker.enter({}, 200), breaker.enter({}, 200)]).toEqual(['closed', 0, 0])
})

it('a probe that nobody knows the end of is followed by another at once', () => {
  const breaker = new Breaker({ pause })
  const probe = {}
  breaker.leave({}, 'away', 0)
  breaker.enter(probe, 100)
  breaker.leave(probe, 'left', 150)
  expect([breaker.enter({}, 150), breaker.enter({}, 150) > 0]).toEqual([0, true])
})

/** The states by themselves, with every rule written out. */
class Model {
  state: 'closed' | 'open' | 'probing' = 'closed'
  failed = new Set<number>()
  openings = 0
  until = 0
  probe = -1
}

it('is what three states say, whatever happens, and never stays open longer than its pause', () => {
  const event = fc.record({
    work: fc.nat(9),
    ended: fc.constantFrom<Ended>('worked', 'failed', 'failed again', 'away', 'left'),
    wait: fc.nat(300),
  })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), events => {
      const breaker = new Breaker({ failures: 3, pause })
      const works = Array.from({ length: 10 }, () => ({}))
      const model = new Model()
      const inside = new Set<number>()
      let now = 0
      for (const { work, ended, wait } of events) {
        now += wait
        if (!inside.has(work)) {
          const may = model.state === 'closed' || (model.state === 'open' && now >= model.until)
          const answer = breaker.enter(works[work], now)
          expect(answer === 0).toBe(may)
          expect(answer).toBeLessThanOrEqual(pause.max)
          if (!may) continue
          inside.add(work)
          if (model.state === 'open') {
            model.state = 'probing'
            model.probe = work
          }
          continue
        }
        inside.delete(work)
        breaker.leave(works[work], ended, now)
        const wasProbe = model.state === 'probing' && model.probe === work
        if (ended === 'worked') {
          model.state = 'closed'
          model.failed.clear()
          model.openings = 0
        } else if (wasProbe && ended === 'left') model.state = 'open'
        else if (ended !== 'left' && (wasProbe || (model.state === 'closed' && ended !== 'failed again'))) {
          model.failed.add(work)
          if (wasProbe || ended === 'away' || model.failed.size >= 3) {
            model.failed.clear()
            model.state = 'open'
            model.until = now + Math.min(pause.max, pause.min * 2 ** model.openings++)
          }
        }
        if (wasProbe || ended === 'worked') model.probe = -1
      }
    }),
  )
})
