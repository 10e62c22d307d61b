import { Subject } from 'rxjs'
import { expect, it } from 'vitest'
import type { Change } from '../contract/record.ts'
import { count } from '../operator/count.ts'
import { cents, draw, keepsPolicies, type Order, order } from '../operator/orders.fixture.ts'
import type { outerJoinTable } from '../operator/outer-join-table.ts'
import { regroup } from '../operator/regroup.ts'
import { table } from '../operator/table.ts'
import { toStream } from '../operator/to-stream.ts'
import { toTable } from '../operator/to-table.ts'
import { PlainTask } from '../plain/task.ts'
import { text } from '../serde/text.ts'
import type { KTable } from '../stream.ts'
import type { TableJoinOptions } from './table-table.ts'

/** A change of a side: its new row, the one before, its time. */
export type Step = readonly [side: 'left' | 'right', value: string | null, previous: string | null | undefined, timestamp: number]

/** Shows what a join was handed; has no row for 'gone'. */
const shown = (left: string | null, right: string | null, key: string): string | null => (left === 'gone' ? null : `${key}:${left}${right}`)

/** What a join hands on for changes of one key: the new row, the one before, its time. */
export function joined(
  join: typeof outerJoinTable,
  steps: readonly Step[],
  options?: TableJoinOptions<string>,
): (readonly [value: string | null, previous: string | null | undefined, timestamp: number])[] {
  const sides = { left: new Subject<Change<string, string>>(), right: new Subject<Change<string, string>>() }
  const got: ReturnType<typeof joined> = []
  sides.left.pipe(join(sides.right, shown, options)).subscribe(({ value, previous, timestamp, headers }) => {
    expect(headers).toEqual([['of', null]])
    got.push([value, previous, timestamp])
  })
  for (const [side, value, previous, timestamp] of steps)
    sides[side].next({ key: 'k', value, previous, timestamp, headers: [['of', null]], latest: true })
  return got
}

/** What a join of tables owes, whichever it is; `forced`: the sides whose old values it wants, whoever asks. */
export function keepsTableJoins(label: string, join: typeof outerJoinTable, forced: readonly string[]): void {
  const lefts: KTable<string, string> = table('lefts', { key: text, value: text })
  const rights: KTable<string, string> = table('rights', { key: text, value: text })

  it('reads rows of both tables, which are together by key', () => {
    const both = lefts.pipe(join(rights, shown))
    expect(both.node).toMatchObject({ kind: 'join', label, key: text, partitioned: true, keyed: true, table: 'derived' })
    const plan = draw(both)
    expect([...plan.stores.keys()]).toEqual(['lefts', 'rights'])
    expect([...plan.asked].map(node => node.label)).toEqual(forced)
    const scattered = lefts.pipe(toStream({ key: (_value, key) => key })) as unknown as KTable<string, string>
    expect(() => scattered.pipe(join(rights, shown))).toThrow('RIACHO_NOT_PARTITIONED')
  })

  it.each([{}, { store: 'joined' }])('asks both tables for old values when it is asked itself: %j', options => {
    const both = lefts.pipe(join(rights, shown, options))
    const counted = both.pipe(
      regroup('g', value => [value, value], { key: text, value: text }),
      count('n'),
    )
    expect([...draw(counted).asked].map(node => node.label).sort()).toEqual([label, 'lefts', 'rights'].sort())
  })

  it('refuses what is no table, tables of two lives, and a name that is none', () => {
    expect(() => lefts.pipe(join(lefts.pipe(toStream()) as unknown as KTable<string, string>, shown))).toThrow('RIACHO_NOT_A_PLAN')
    expect(() => lefts.pipe(join(new Subject<Change<string, string>>(), shown))).toThrow('RIACHO_MIXED')
    expect(() => lefts.pipe(join(rights, shown, { store: 'a b' }))).toThrow('RIACHO_NAME')
  })

  it('keeps its rows where it is named', () => {
    const both = lefts.pipe(join(rights, shown, { store: 'joined', value: text }))
    expect(both.node).toMatchObject({ table: 'kept', value: text })
    expect([...draw(both).stores.keys()]).toEqual(['lefts', 'rights', 'joined'])
  })

  it('computes its rows where it is not named: none where its function throws, unless it stops', () => {
    const read = (right: string, onError: 'skip' | 'fail') => {
      const positive = (left: string | null, n: string | null): string => `${left}${cents(order(Number(n)).value)}`
      const { view } = lefts.pipe(join(rights, positive, { onError })).node
      const sides = [{ get: () => ({ value: 'l', timestamp: 3 }) }, { get: () => ({ value: right, timestamp: 2 }) }]
      return view!(new PlainTask(() => {}), side => sides[side] as never).get('k' as never)
    }
    expect(read('1', 'fail')).toEqual({ value: 'l1', timestamp: 3 })
    expect(read('-1', 'skip')).toBe(undefined)
    expect(() => read('-1', 'fail')).toThrow(`'${label}' failed`)
  })

  it('leaves late changes of a table ordered by time out, and is itself ordered by offset', () => {
    const history = table<string, string>('history', { key: text, value: text, historyRetention: 100 })
    const counted = (left: KTable<string, string>, right: KTable<string, string>) => {
      const { node } = left.pipe(join(right, shown))
      expect(node.versioned).toBe(undefined)
      const got: string[] = []
      const task = new PlainTask(() => {})
      task.drop = (reason?: string) => got.push(reason!)
      const row = { get: () => ({ value: 'r', timestamp: 0 }) }
      const inputs = node.open(task, () => got.push('met'), { previous: false, view: () => row } as never)
      for (const input of inputs) input({ key: 'k', value: 'l', previous: null, timestamp: 1, headers: [], latest: false })
      return got
    }
    expect(counted(history, rights)).toEqual(['late', 'met'])
    expect(counted(lefts, history)).toEqual(['met', 'late'])
  })

  keepsPolicies(label, options => source => {
    const rows = source.pipe(toTable<string, Order>({ store: 'rows' }))
    return rows.pipe(join(rows, (left, right) => cents((left ?? right)!), options))
  })
}
