import type { Asked } from '../contract/node.ts'
import { type Headers, noHeaders, type StreamRecord } from '../contract/record.ts'
import type { Emit, Task } from '../contract/task.ts'
import { failed } from '../plan/failure.ts'
import { keyForm } from '../store/key.ts'
import type { UnmatchedStore } from '../store/unmatched.ts'
import type { JoinSide } from '../wire/outer-join.ts'
import type { JoinStores, StreamJoin } from './stream-plan.ts'

/** What goes in and comes out of a join. */
type Joined = StreamRecord<unknown, unknown>

/** Makes the joined value of a record of this side and one of the other, in the order of left and right, and hands it on. */
type Meet = (side: JoinSide, key: unknown, own: unknown, other: unknown, timestamp: number, headers: Headers) => void

/** Hands on a record of this side that has met none, with the headers of the one that lets it out. */
type LetOut = (side: JoinSide, key: unknown, value: unknown, time: number, headers: Headers) => void

/** Makes the two inputs of a join: left, right. They share the clock. */
export function openSides(task: Task, out: Emit<Joined>, asked: Asked, join: StreamJoin, stores: JoinStores): readonly Emit<never>[] {
  const meet = meeting(task, out, join)
  // Named as a store, since an aggregation may have the name of the join.
  const clock = task.streamTimeOf(stores.left.name)
  const unmatched =
    stores.unmatched && new Unmatched(task, clock, task.store(stores.unmatched), join, lettingOut(task, asked, join, stores, meet))
  return [openSide(1, task, join, stores, meet, clock, unmatched), openSide(0, task, join, stores, meet, clock, unmatched)]
}

/** Guards the user's function only, never what comes after it. */
function meeting(task: Task, out: Emit<Joined>, { name, f, options }: StreamJoin): Meet {
  const fail = failed(task, name, options.onError)
  return (side, key, own, other, timestamp, headers) => {
    let value: unknown
    try {
      value = side === 1 ? f(own, other, key) : f(other, own, key)
    } catch (thrown) {
      return fail(thrown)
    }
    out({ key, value, timestamp, headers })
  }
}

/** Hands on a record that has waited: a dead letter of it holds that record, not the one that lets it out. */
function lettingOut(task: Task, { origins }: Asked, { name }: StreamJoin, stores: JoinStores, meet: Meet): LetOut {
  const alone: LetOut = (side, key, value, time, headers) => meet(side, key, value, null, time, headers)
  if (!origins) return alone
  return (side, key, value, time, headers) => {
    const bytes = { key: stores.key.encode(key), value: stores.values[side].encode(value) }
    const origin = { topic: name, partition: task.partition, offset: -1, timestamp: time, headers: noHeaders, ...bytes }
    task.onBehalf(origin, () => alone(side, key, value, time, headers), undefined)
  }
}

/**
 * One side (Kafka Streams: `KStreamKStreamJoin` before `KStreamJoinWindow`): a record first lets out what has waited in vain, then meets the records of the
 * other side, and is stored after that; one that met none is handed on alone, at once if its window has passed, else when it has closed.
 */
function openSide(
  side: JoinSide,
  task: Task,
  { how, before, after }: StreamJoin,
  stores: JoinStores,
  meet: Meet,
  clock: { time: number },
  unmatched: Unmatched | undefined,
): Emit<Joined> {
  const left = side === 1
  const own = task.store(left ? stores.left : stores.right)
  const others = task.store(left ? stores.right : stores.left)
  const form = keyForm(stores.key)
  const alone = how === 'outer' || (how === 'left' && left)
  const [back, ahead] = left ? [before, after] : [after, before]
  const meetOthers = ({ value, timestamp, headers, key }: Joined, canonical: string | number): void => {
    const to = Math.max(0, timestamp + ahead)
    const found = others.find(canonical, Math.max(0, timestamp - back), to)
    for (let i = 0; i < found; i++) {
      const at = others.timeAt(i)
      unmatched?.met(side, canonical, at, timestamp)
      meet(side, key, value, others.valueAt(i), at > timestamp ? at : timestamp, headers)
    }
    if (found > 0 || !alone) return
    if (to < clock.time) meet(side, key, value, null, timestamp, headers)
    else unmatched!.wait(side, canonical, value, timestamp)
  }
  return record => {
    const { key, value, timestamp } = record
    if (timestamp > clock.time) clock.time = timestamp
    if (key === null) {
      if (alone && value !== null) meet(side, key, value, null, timestamp, record.headers)
      else task.drop('null-key')
      return
    }
    const canonical = form.of(key)
    if (value === null) task.drop('null-value')
    else {
      if (timestamp === clock.time) unmatched?.release(record, ahead)
      meetOthers(record, canonical)
    }
    own.put(canonical, value, timestamp, record.headers)
  }
}

/**
 * The records that wait for one of the other side, and when they are let out (Kafka Streams: `TimeTracker`). Its times are kept with the stream time of the
 * join: when Kafka Streams walks over the store again depends on where its last walk ended, and a restart must not change what comes out.
 */
class Unmatched {
  /** Stream time of both sides. */
  readonly #clock: { readonly time: number }
  /** Time of the earliest record that may wait, as far as is known; -1 when nothing is known. */
  readonly #earliest: { time: number }
  /** Wall clock from which on the store is looked at again. */
  readonly #look: { time: number }
  readonly #task: Task
  readonly #store: UnmatchedStore<unknown>
  readonly #join: StreamJoin
  readonly #forward: (side: JoinSide, key: unknown, value: unknown, time: number) => void
  /** Of the record that lets out what waits. */
  #headers: Headers = noHeaders

  constructor(task: Task, clock: { time: number }, store: UnmatchedStore<unknown>, join: StreamJoin, letOut: LetOut) {
    this.#clock = clock
    this.#earliest = task.streamTimeOf(`${join.name}/earliest`)
    this.#look = task.streamTimeOf(`${join.name}/look`)
    this.#task = task
    this.#store = store
    this.#join = join
    this.#forward = (side, key, value, time) => letOut(side, key, value, time, this.#headers)
  }

  /** A record of this side met one of the other side. */
  met(side: JoinSide, key: string | number, time: number, at: number): void {
    this.#store.remove(side === 1 ? 0 : 1, key, time, at)
  }

  wait(side: JoinSide, key: string | number, value: unknown, time: number): void {
    const earliest = this.#earliest
    if (earliest.time < 0 || time < earliest.time) earliest.time = time
    this.#store.add(side, key, value, time)
  }

  /** Lets out what waits and cannot meet any more; `ahead`: how much later a record may be that the side of `record` meets. */
  release({ timestamp, headers }: Joined, ahead: number): void {
    const { before, after, grace, emitEvery } = this.#join
    const now = this.#clock.time
    // Nothing known is the greatest number of Java, which overflows when anything is added to it.
    if (this.#earliest.time < 0 ? ahead + grace <= 0 : this.#earliest.time + ahead + grace >= now) return
    const wall = this.#task.now()
    if (wall < this.#look.time) return
    this.#look.time = wall + emitEvery
    this.#headers = headers
    this.#earliest.time = this.#store.release(now - before - grace, now - after - grace, timestamp, this.#forward)
  }
}
