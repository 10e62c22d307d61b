import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from '@riacho/streams'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { OrderedFile } from './file.ts'
import { DiskRows, type Over, walkedRowsMax, writtenBytesMax, writtenRowsMax } from './rows.ts'

let folder: string
let file: OrderedFile
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'riacho-rows-'))
  file = new OrderedFile(join(folder, 'rows.mdb'), 2 ** 30, () => {})
})
afterEach(() => {
  file.close()
  rmSync(folder, { recursive: true })
})

const made = (memoryBytesMax: number, over?: () => Over): DiskRows<string> =>
  new DiskRows(file, { value: text, timed: true, memoryBytesMax, ...(over && { over }) })
const keyOf = (i: number): string => `\x01${String(i).padStart(6, '0')}`
const put = (rows: DiskRows<string>, i: number, value: string): void => rows.write(keyOf(i), value, i, value.length)
const walked = (rows: DiskRows<string>, backward = false): string[] => Array.from(rows.walk('\x01', '\x02', backward), ([key]) => key)

it('walks more rows than it reads at once, both ways, while commits write them to the file', () => {
  const rows = made(1)
  const count = 3 * walkedRowsMax + 1
  for (let i = 0; i < count; i++) put(rows, 2 * i, 'even')
  for (const backward of [false, true]) {
    const seen: string[] = []
    for (const [key, row] of rows.walk('\x01', '\x02', backward)) {
      if (row.value === 'even') seen.push(key)
      if (seen.length % 50 === 0) put(rows, 2 * seen.length + 1, 'odd')
      if (seen.length % 100 === 0) rows.committed()
    }
    const all = Array.from({ length: count }, (_, i) => keyOf(2 * i))
    expect(seen).toEqual(backward ? all.reverse() : all)
  }
})

it('writes commits of any size', () => {
  const rows = made(1)
  const count = 2 * writtenRowsMax + 1
  for (let i = 0; i < count; i++) put(rows, i, 'v')
  const large = 'x'.repeat(writtenBytesMax)
  put(rows, count, large)
  put(rows, count + 1, 'behind')
  rows.committed()
  expect([file.rows, rows.size]).toEqual([count + 2, count + 2])
  expect(rows.get(keyOf(count))?.value.length).toBe(large.length)
  expect(rows.get(keyOf(count + 1))).toEqual({ value: 'behind', timestamp: count + 1 })
  for (let i = 0; i < count + 2; i++) rows.write(keyOf(i), null, 0, 0)
  expect([file.rows, rows.size, walked(rows)]).toEqual([count + 2, 0, []])
  rows.committed()
  expect(file.rows).toBe(0)
})

it('keeps rows that are written again and again from the file, but not those that grow', () => {
  const rows = made(10_000)
  for (let i = 0; i < 1000; i++) {
    put(rows, i % 10, 'short')
    rows.committed()
  }
  expect(file.untouched).toBe(true)
  for (let length = 0; length < 1000; length++) {
    put(rows, length % 10, 'x'.repeat(length))
    rows.committed()
  }
  expect(file.rows).toBe(10)
  expect(rows.get(keyOf(9))?.value.length).toBe(999)
})

it('touches no file before a commit, and after a rollback nothing is left', () => {
  const rows = made(1)
  put(rows, 1, 'committed')
  rows.committed()
  put(rows, 1, 'new')
  put(rows, 2, 'new')
  rows.write(keyOf(1), null, 0, 0)
  expect([file.rows, rows.uncommitted, walked(rows)]).toEqual([1, 2, [keyOf(2)]])
  rows.rollback()
  expect([file.rows, rows.uncommitted, rows.size]).toEqual([1, 0, 1])
  expect(rows.get(keyOf(1))).toEqual({ value: 'committed', timestamp: 1 })
})

it('deletes what is over little by little, and never writes it', () => {
  let limit = 0
  const rows = made(1, () => ({ from: '\x01', until: keyOf(limit), includes: key => key < keyOf(limit) }))
  const count = 5 * writtenRowsMax
  for (let i = 0; i < count; i++) put(rows, i, 'old')
  rows.committed()
  limit = count + 10
  const left: number[] = []
  while (file.rows > 1) {
    put(rows, count + 5, 'over')
    put(rows, count + 20, 'new')
    rows.committed()
    left.push(file.rows)
  }
  expect(left.length).toBeGreaterThan(2)
  expect(walked(rows)).toEqual([keyOf(count + 20)])
})

it('restores in transactions of bounded size, and the last value wins', () => {
  const rows = made(5000)
  for (let i = 0; i < 300; i++) rows.restore(keyOf(i % 100), `v${i}`, i, 4)
  expect(file.untouched).toBe(false)
  rows.restore(keyOf(7), null, 0, 0)
  rows.committed()
  expect(rows.size).toBe(99)
  expect([rows.get(keyOf(7)), rows.get(keyOf(8))]).toEqual([undefined, { value: 'v208', timestamp: 208 }])
  rows.clear()
  expect([rows.size, walked(rows), rows.get(keyOf(8))]).toEqual([0, [], undefined])
})
