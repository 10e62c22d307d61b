import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { concat, EMPTY, firstValueFrom, from, generate, NEVER, of, Subject, take, throwError, toArray } from 'rxjs'
import { expect, it, vi } from 'vitest'
import type { Change, StreamRecord } from '../contract/record.ts'
import type { Sink } from '../contract/sink.ts'
import type { WindowStore } from '../contract/store.ts'
import { count } from '../operator/count.ts'
import { join } from '../operator/join.ts'
import { mapAsync } from '../operator/map-async.ts'
import { mapValues } from '../operator/map-values.ts'
import { persist } from '../operator/persist.ts'
import { type ProcessContext, process } from '../operator/process.ts'
import { toStream } from '../operator/to-stream.ts'
import { topic } from '../operator/topic.ts'
import { text } from '../serde/text.ts'
import { windowStore } from '../store/window.ts'
import { runPlain } from './run.ts'

type Text = StreamRecord<string, string>
const record = (key: string, value: string, timestamp = 0): Text => ({ key, value, timestamp, headers: [] })
const values = (got: readonly { readonly value: unknown }[]) => got.map(each => each.value)

it('one subscription is one task with stores of its own', async () => {
  const counts = from([record('a', 'x'), record('a', 'y')]).pipe(count('n'), toStream(), toArray())
  expect(values(await firstValueFrom(counts))).toEqual([1, 2])
  expect(values(await firstValueFrom(counts))).toEqual([1, 2])
})

it('completes when the input has and asynchronous work is done', async () => {
  const slow = mapAsync(async (value: string) => {
    await new Promise(resolve => setImmediate(resolve))
    return value.toUpperCase()
  })
  expect(values(await firstValueFrom(from([record('a', 'x'), record('b', 'y')]).pipe(slow, toArray())))).toEqual(['X', 'Y'])
  expect(await firstValueFrom(EMPTY.pipe(slow, toArray()))).toEqual([])
})

it('an error of the input or of a function ends it', async () => {
  const failing = concat(
    of(record('a', 'x')),
    throwError(() => new Error('input')),
  )
  await expect(
    firstValueFrom(
      failing.pipe(
        mapValues(value => value),
        toArray(),
      ),
    ),
  ).rejects.toThrow('input')
  const bad = mapValues(() => {
    throw new Error('function')
  })
  await expect(firstValueFrom(from([record('a', 'x')]).pipe(bad, toArray()))).rejects.toMatchObject({
    code: 'RIACHO_PROCESSING',
    place: { node: 'mapValues' },
  })
})

it('an error of asynchronous work ends it', async () => {
  const bad = mapAsync(async () => Promise.reject(new Error('no')))
  await expect(firstValueFrom(concat(of(record('a', 'x')), NEVER).pipe(bad, toArray()))).rejects.toMatchObject({ code: 'RIACHO_ASYNC' })
})

it('unsubscribing aborts asynchronous work and ends timers', async () => {
  vi.useFakeTimers()
  try {
    let seen: AbortSignal | undefined
    let ticks = 0
    const work = mapAsync((_value: string, _record: Text, signal) => {
      seen = signal
      return new Promise<string>(() => {})
    })
    const ticking = process<string, string, string, string>('tick', context => {
      context.schedule(10, 'wall', () => ticks++)
      return each => context.forward(each)
    })
    const subscription = concat(of(record('a', 'x')), NEVER)
      .pipe(ticking, work)
      .subscribe()
    await vi.advanceTimersByTimeAsync(25)
    expect([seen?.aborted, ticks]).toEqual([false, 2])
    subscription.unsubscribe()
    await vi.advanceTimersByTimeAsync(100)
    expect([seen?.aborted, ticks]).toEqual([true, 2])
  } finally {
    vi.useRealTimers()
  }
})

it('what is over stops a source that never waits: after enough, and after an error', async () => {
  let made = 0
  const next = (n: number): Text => {
    // Where nothing stops it, the test says so instead of standing still.
    if (++made > 1000) throw new Error('nothing stops the source')
    return record('a', String(n))
  }
  const endless = generate({ initialState: 0, iterate: n => n + 1, resultSelector: next })
  const first = endless.pipe(
    mapValues(value => value),
    take(2),
    toArray(),
  )
  expect(values(await firstValueFrom(first))).toEqual(['0', '1'])
  expect(made).toBe(2)
  let called = 0
  const failing = mapValues<string, string, string>(() => {
    called++
    throw new Error('no')
  })
  await expect(firstValueFrom(endless.pipe(failing))).rejects.toThrow('no')
  expect(called).toBe(1)
})

it('a sink that cannot be closed is an error at completion, and nobody’s when unsubscribed', async () => {
  const stuck: Sink<string, string> = {
    name: 'stuck',
    idempotent: true,
    write: async () => {},
    close: () => Promise.reject(new Error('cannot be closed')),
  }
  await expect(firstValueFrom(of(record('a', 'x')).pipe(persist(stuck), toArray()))).rejects.toThrow('cannot be closed')
  const unhandled: unknown[] = []
  const listen = (reason: unknown): number => unhandled.push(reason)
  globalThis.process.on('unhandledRejection', listen)
  await firstValueFrom(concat(of(record('a', 'x')), NEVER).pipe(persist(stuck)))
  await new Promise(resolve => setTimeout(resolve, 10))
  globalThis.process.off('unhandledRejection', listen)
  expect(unhandled).toEqual([])
})

it('calls stream-time punctuators after the record that makes them due, missed ones once', async () => {
  const punctuated = process<string, string, string, string>('tick', context => {
    context.schedule(10, 'stream', time => context.forward(record('tick', `t=${time}`, time)))
    const cancel = context.schedule(100, 'stream', () => cancel(), 5)
    return each => context.forward(each)
  })
  const times = [3, 12, 11, 45, 46]
  const got = await firstValueFrom(from(times.map(time => record('a', String(time), time))).pipe(punctuated, toArray()))
  expect(values(got)).toEqual(['3', 't=3', '12', 't=12', '11', '45', 't=45', '46'])
})

it('gives a processor a task without a topic', async () => {
  let given: ProcessContext<string, string> | undefined
  const spy = process<string, string, string, string>('spy', context => {
    given = context
    return each => context.forward(each)
  })
  await firstValueFrom(from([record('a', 'x', 7)]).pipe(spy, toArray()))
  expect([given?.taskId, given?.position(), given?.streamTime]).toEqual(['plain', null, 7])
})

it('refuses to mix plans and plain Observables', () => {
  expect(() => runPlain([of(1), topic('t', { key: text, value: text })], () => [])).toThrow('RIACHO_MIXED')
})

it('completes when all inputs have', async () => {
  const [left, right] = [new Subject<number>(), new Subject<number>()]
  const got = firstValueFrom(runPlain<number>([left, right], (_task, out) => [out, out]).pipe(toArray()))
  left.next(1)
  left.complete()
  right.next(2)
  right.complete()
  expect(await got).toEqual([1, 2])
})

it('stores let go of what has expired, and forget what nobody will put back', async () => {
  const spec = windowStore('w', { key: text, value: text, retention: 10 })
  let store: WindowStore<string, string> | undefined
  let most = 0
  const windows = process<string, string, string, string>(
    'p',
    context => {
      store = context.store(spec)
      return ({ key, value, timestamp }) => {
        store!.put(key, timestamp, value, timestamp)
        most = Math.max(most, store!.size, store!.uncommitted)
      }
    },
    { stores: [spec] },
  )
  await firstValueFrom(from(Array.from({ length: 5000 }, (_, at) => record('a', 'x', at))).pipe(windows, toArray()))
  expect([most < 1100, store!.size, store!.uncommitted]).toEqual([true, 10, 0])
})

it('punctuators on the wall clock keep their step, wait for their anchor, and can be cancelled', () => {
  vi.useFakeTimers({ now: 100 })
  try {
    const ticks: string[] = []
    const ticking = process<string, string, string, string>('ticking', context => {
      context.schedule(10, 'wall', time => ticks.push(`plain ${time}`))
      const cancel = context.schedule(
        10,
        'wall',
        time => {
          if (ticks.push(`anchored ${time}`) > 3) cancel()
        },
        93,
      )
      context.schedule(10, 'wall', time => ticks.push(`far ${time}`), 2 ** 33)
      return context.forward
    })
    const subscription = NEVER.pipe(ticking).subscribe()
    vi.advanceTimersByTime(24)
    expect(ticks).toEqual(['anchored 103', 'plain 110', 'anchored 113', 'plain 120', 'anchored 123'])
    vi.advanceTimersByTime(16)
    expect(ticks.slice(5)).toEqual(['plain 130', 'plain 140'])
    subscription.unsubscribe()
    vi.advanceTimersByTime(100)
    expect([ticks.length, vi.getTimerCount()]).toEqual([7, 0])
  } finally {
    vi.useRealTimers()
  }
})

it('an anchor of stream time in the past is no reason to call at once', async () => {
  const ticks: number[] = []
  const lazy = process<string, string, string, string>('lazy', context => {
    let scheduled = false
    return record => {
      if (!scheduled) context.schedule(10, 'stream', time => ticks.push(time), 3)
      scheduled = true
      context.forward(record)
    }
  })
  await firstValueFrom(from([5, 12, 13, 14, 40].map(at => record('a', 'x', at))).pipe(lazy, toArray()))
  expect(ticks).toEqual([13, 40])
})

it('a table that is joined as of a time lets go of what is older than the grace', () => {
  const changes = new Subject<Change<string, object>>()
  const joined = NEVER.pipe(join(changes, () => 'met', { grace: 10, name: 'g' }))
  const over = joined.subscribe()
  const change = (at: number): WeakRef<object> => {
    const value = { at }
    changes.next({ key: 'a', value, previous: undefined, timestamp: at, headers: [], latest: true })
    return new WeakRef(value)
  }
  const first = change(0)
  for (let at = 1; at < 3000; at++) change(at * 5)
  return new Promise(resolve => setImmediate(resolve)).then(() => {
    setFlagsFromString('--expose-gc')
    runInNewContext('gc')()
    expect(first.deref()).toBeUndefined()
    over.unsubscribe()
  })
})
