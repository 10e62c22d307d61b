import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as streams from '@riacho/streams'
import {
  branch,
  type Change,
  deadLetters,
  filterTable,
  int64,
  type KStream,
  mapAsync,
  mapValues,
  merge,
  repartition,
  table,
  text,
  to,
  topic,
  toStream,
} from '@riacho/streams'
import { from, type OperatorFunction, pipe } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { cases } from './cases.fixture.ts'
import { type In, type Outcome, onStream, onTable, positive } from './lives.fixture.ts'

const input = from([{ key: 'a', value: 1, timestamp: 0, headers: [] }] satisfies In[])
const rowsOfNone = from<Change<string, number>[]>([])
const dead = { onError: { deadLetter: 'dead' } }
const whole = streams.globalTable('whole', { key: text, value: int64 })
const ending = (operator: OperatorFunction<In, unknown>) =>
  new Promise((resolve, reject) => input.pipe(operator).subscribe({ error: reject, complete: () => resolve('completed') }))

/** What exists in plans only: how it refuses a plain Observable. */
const planOnly: Readonly<Record<string, readonly [refusal: string, attempt: () => unknown]>> = {
  branch: ['RIACHO_PLAN_ONLY', () => branch(input as unknown as KStream<string, number>, { all: () => true })],
  leftLookup: [
    'RIACHO_PLAN_ONLY',
    () =>
      input.pipe(
        streams.leftLookup(
          whole,
          n => String(n),
          (n, row) => [n, row],
        ),
      ),
  ],
  lookup: [
    'RIACHO_PLAN_ONLY',
    () =>
      input.pipe(
        streams.lookup(
          whole,
          n => String(n),
          (n, row) => [n, row],
        ),
      ),
  ],
  joinForeignKey: ['RIACHO_PLAN_ONLY', () => rowsOfNone.pipe(streams.joinForeignKey('j', rowsOfNone, String, String))],
  leftJoinForeignKey: ['RIACHO_PLAN_ONLY', () => rowsOfNone.pipe(streams.leftJoinForeignKey('j', rowsOfNone, String, String))],
  processInto: [
    'RIACHO_PLAN_ONLY',
    () => streams.processInto(input as unknown as KStream<string, number>, 'p', () => () => {}, { outputs: { out: {} } }),
  ],
  to: ['RIACHO_PLAN_ONLY', () => input.pipe(to('out'))],
  'a dead letter': ['RIACHO_DEAD_LETTER', () => ending(mapValues(n => positive(-n), dead))],
  'a dead letter of asynchronous work': ['RIACHO_DEAD_LETTER', () => ending(mapAsync(async n => positive(-n), dead))],
  'inputs of both lives': ['RIACHO_MIXED', () => merge(input, topic<string, number>('in', { key: text, value: int64 }))],
}

/** These make Streams of nothing; there is nothing to run them on. */
const sources = { deadLetters, globalTable: streams.globalTable, source: streams.source, table, topic }

describe('an operator does the same in a plan and on a plain Observable', () => {
  it.each(Object.entries(cases))('%s', async (_name, both) => {
    const [plan, alone] = await both()
    expect(alone).toEqual(plan)
    expect(plan.sent.length + Number(plan.error !== undefined)).toBeGreaterThan(0)
  })

  it.each(Object.entries(planOnly))('%s exists in plans only', async (_name, [refusal, attempt]) => {
    await expect((async () => attempt())()).rejects.toMatchObject({ code: refusal })
  })

  it('but for rows that filterTable never kept: only who knows the row before can leave their deletion out', async () => {
    const [plan, alone] = await onTable(
      pipe(
        filterTable<string, number>(n => n < 0),
        toStream(),
      ),
    )()
    const rows = ({ sent }: Outcome) => sent.map(([key, value]) => [key, value])
    expect(rows(alone)).toEqual([
      ['b', -7],
      ['b', null],
    ])
    expect(rows(plan)).toEqual([
      ['a', null],
      ['b', null],
      ['a', null],
      ['a', null],
      ['c', null],
      ['a', null],
      ['b', -7],
      ['b', null],
    ])
  })

  it('and for null keys, which a topic between two tasks does not take', async () => {
    const [plan, alone] = await onStream(repartition('r'))()
    expect(alone.sent.filter(([key]) => key !== null)).toEqual(plan.sent)
    expect(alone.sent.length - plan.sent.length).toBe(1)
  })

  it('every operator of the surface has a case, or is listed', () => {
    const folder = join(import.meta.dirname, '../../packages/streams/src/operator')
    const operatorFiles = readdirSync(folder).filter(name => !/\.(test|fixture)\.ts$/.test(name))
    const operators = operatorFiles.map(name => name.replace('.ts', '').replace(/-(.)/g, (_dash, letter: string) => letter.toUpperCase()))
    const covered = new Set([...Object.keys(cases), ...Object.keys(planOnly), ...Object.keys(sources)].map(name => name.split(' ')[0]))
    expect(operators.filter(operator => !covered.has(operator))).toEqual([])
  })
})
