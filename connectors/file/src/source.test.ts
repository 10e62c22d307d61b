import { appendFile, mkdir, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Serde, SourceReader, SourceRecord } from '@riacho/streams'
import { type SourceFixture, sourceSuite } from '@riacho/testing/suites'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type FileChange, type FileOptions, file } from './index.ts'

const bytes: Serde<Uint8Array> = { encode: value => value, decode: value => Buffer.from(value), total: true }
const never = new AbortController().signal

const make = async (): Promise<SourceFixture> => {
  const folder = await mkdtemp(join(tmpdir(), 'riacho-file-'))
  const path = join(folder, 'events.txt')
  await writeFile(path, '')
  return {
    source: file({ path, value: bytes, poll: 10 }),
    append: values => appendFile(path, Buffer.concat(values.flatMap(value => [value, Buffer.from('\n')]))),
    close: () => rm(folder, { recursive: true }),
  }
}

sourceSuite({ name: 'file', make }, { describe, it, expect })

describe('file', () => {
  let folder: string
  let path: string
  let changes: FileChange[]
  let readers: SourceReader[]

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'riacho-file-'))
    path = join(folder, 'events.txt')
    changes = []
    readers = []
  })
  afterEach(async () => {
    for (const reader of readers) await reader.close()
    await rm(folder, { recursive: true })
  })

  const tail = (from: Uint8Array | null = null, options: Partial<FileOptions<Uint8Array>> = {}): SourceReader => {
    const onChange = (change: FileChange): number => changes.push(change)
    const reader = file({ path, value: bytes, poll: 5, onChange, ...options }).open('events.txt', from)
    readers.push(reader)
    return reader
  }
  const take = async (reader: SourceReader, count: number): Promise<SourceRecord[]> => {
    const records: SourceRecord[] = []
    while (records.length < count) records.push(...(await reader.read(count - records.length, never)))
    return records
  }
  const texts = (records: readonly SourceRecord[]): string[] => records.map(record => Buffer.from(record.value!).toString())
  const kinds = (): string[] => changes.map(change => change.kind)
  const header = (record: SourceRecord, name: string): string | undefined => {
    const value = record.headers.find(each => each[0] === name)?.[1]
    return value == null ? undefined : Buffer.from(value).toString()
  }

  describe('lines', () => {
    it('strips LF and CRLF, and nothing else', async () => {
      await writeFile(path, 'a\r\nb\n\r\n\n c \rd\n')
      const records = await take(tail(), 5)
      expect(texts(records)).toEqual(['a', 'b', '', '', ' c \rd'])
      expect(records.map(record => record.offset)).toEqual([1, 2, 3, 4, 5])
      expect(records.every(record => record.key === null && record.headers.length === 0)).toBe(true)
    })

    it('cuts the same lines wherever chunks end, and goes on after each of them', async () => {
      const text = fc.array(fc.constantFrom('a', 'é', '\r', '\n', '\r\n', 'long enough'), { maxLength: 40 })
      await fc.assert(
        fc.asyncProperty(text, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 4 }), async (parts, chunkBytesMax, recordsMax) => {
          const content = `${parts.join('')}\n`
          await writeFile(path, content)
          const expected = content.split('\n').slice(0, -1)
          const reader = tail(null, { chunkBytesMax })
          const records: SourceRecord[] = []
          while ((await reader.lag()) > 0) records.push(...(await reader.read(recordsMax, never)))
          await reader.close()
          expect(texts(records)).toEqual(expected.map(line => line.replace(/\r$/, '')))
          const middle = records[records.length >> 1]!
          const again = tail(middle.position, { chunkBytesMax })
          expect(texts(await take(again, records.length - middle.offset))).toEqual(texts(records.slice(middle.offset)))
          await again.close()
        }),
        { numRuns: 60 },
      )
    })

    it('holds a line back until its end is written', async () => {
      await writeFile(path, 'whole\ntor')
      const reader = tail()
      expect(texts(await take(reader, 1))).toEqual(['whole'])
      expect(await reader.lag()).toBe(0)
      const waiting = reader.read(10, never)
      await appendFile(path, 'n, ')
      await appendFile(path, 'mended\nnext\n')
      const records = [...(await waiting)]
      records.push(...(await take(reader, 2 - records.length)))
      expect(texts(records)).toEqual(['torn, mended', 'next'])
    })

    it('gives a line of 10 MB whole', async () => {
      const line = Buffer.alloc(10_000_000, 'x')
      await writeFile(path, Buffer.concat([line, Buffer.from('\nnext\n')]))
      const [first, second] = await take(tail(), 2)
      expect(Buffer.from(first!.value!).equals(line)).toBe(true)
      expect(texts([second!])).toEqual(['next'])
    })

    it.each([512 * 1024, 3_000_000])(
      'gives the start of a line above lineBytesMax and where it lies (chunks of %i)',
      async chunkBytesMax => {
        const long = `${'0123456789'.repeat(200_000)}\r\n`
        await writeFile(path, `a\n${long}b\n${'x'.repeat(1_000_000)}\n`)
        const records = await take(tail(null, { lineBytesMax: 1_000_000, chunkBytesMax }), 4)
        const cut = records[1]!
        expect(Buffer.from(cut.value!).toString()).toBe(long.slice(0, 64 * 1024))
        expect(header(cut, 'riacho.truncated')).toBe('2000000')
        expect(header(cut, 'riacho.line-offset')).toBe('2')
        expect([texts([records[2]!]), records[3]!.value!.length, records[3]!.headers.length]).toEqual([['b'], 1_000_000, 0])
        expect(texts(await take(tail(cut.position), 1))).toEqual(['b'])
      },
    )

    it('takes a read and a lag at the same time', async () => {
      await writeFile(path, '')
      const reader = tail(null, { chunkBytesMax: 3 })
      const waiting = reader.read(100, never)
      await appendFile(path, 'one\ntwo\nthree\n')
      const lags = Promise.all(Array.from({ length: 20 }, () => reader.lag()))
      const records = [...(await waiting)]
      await lags
      records.push(...(await take(reader, 3 - records.length)))
      expect(texts(records)).toEqual(['one', 'two', 'three'])
    })
  })

  describe('rotation', () => {
    it('reads the old file to its end, late lines included, then the new one', async () => {
      await writeFile(path, 'a1\na2\n')
      const reader = tail()
      await take(reader, 1)
      await rename(path, `${path}.1`)
      await writeFile(path, '')
      expect(texts(await take(reader, 1))).toEqual(['a2'])
      // The new file is empty: the writer may not know it yet.
      expect(await reader.lag()).toBe(0)
      await appendFile(`${path}.1`, 'a3\n')
      expect(texts(await take(reader, 1))).toEqual(['a3'])
      await appendFile(`${path}.1`, 'unfinished')
      await appendFile(path, 'b1\n')
      const records = await take(reader, 2)
      expect(texts(records)).toEqual(['unfinished', 'b1'])
      expect(records[1]!.offset).toBe(1)
      expect(await reader.lag()).toBe(0)
      expect(kinds()).toEqual(['rotated'])
    })

    it('counts the new file in lag', async () => {
      await writeFile(path, 'a1\na2\n')
      const reader = tail()
      await take(reader, 1)
      await rename(path, `${path}.1`)
      await writeFile(path, 'b1\nb2\n')
      expect(await reader.lag()).toBe(9)
    })

    it('goes on in the renamed file after a restart, then in the new one', async () => {
      await writeFile(path, 'a1\na2\na3\n')
      const [first] = await take(tail(), 1)
      await rename(path, `${path}-20261121`)
      await writeFile(path, 'b1\n')
      const reader = tail(first!.position)
      expect(texts(await take(reader, 3))).toEqual(['a2', 'a3', 'b1'])
      expect(kinds()).toEqual(['rotated'])
    })

    it('says so when the old file is gone after a restart, and reads the new one from its start', async () => {
      await writeFile(path, 'a1\na2\n')
      const [first] = await take(tail(), 1)
      await writeFile(join(folder, 'new'), 'b1\nb2\n')
      await rename(join(folder, 'new'), path)
      expect(texts(await take(tail(first!.position), 2))).toEqual(['b1', 'b2'])
      expect(kinds()).toEqual(['replaced'])
    })

    it('waits while the path leads nowhere', async () => {
      await writeFile(path, 'a1\n')
      const reader = tail()
      const [first] = await take(reader, 1)
      await rm(path)
      expect(await reader.lag()).toBe(0)
      const waiting = take(reader, 1)
      const restarted = take(tail(first!.position), 1)
      await writeFile(join(folder, 'new'), 'b1\n')
      await rename(join(folder, 'new'), path)
      expect(texts([...(await waiting), ...(await restarted)])).toEqual(['b1', 'b1'])
    })
  })

  describe('truncation', () => {
    it('starts again when the file is cut and written anew', async () => {
      await writeFile(path, 'a1\na2\n')
      const reader = tail()
      await take(reader, 2)
      const waiting = take(reader, 1)
      await truncate(path)
      await appendFile(path, 'b1\n')
      const [record] = await waiting
      expect([texts([record!]), record!.offset]).toEqual([['b1'], 1])
      expect(kinds()).toEqual(['truncated'])
      expect(changes[0]!.count).toBe(1)
    })

    it('notices a longer file with another beginning', async () => {
      await writeFile(path, 'a1\na2\n')
      const reader = tail()
      const last = (await take(reader, 2))[1]!
      await writeFile(path, 'b1\nb2\nb3\n')
      expect(texts(await take(reader, 3))).toEqual(['b1', 'b2', 'b3'])
      expect(texts(await take(tail(last.position), 3))).toEqual(['b1', 'b2', 'b3'])
      expect(kinds()).toEqual(['truncated', 'truncated'])
    })

    it('notices a shorter file after a restart', async () => {
      await writeFile(path, 'same\na2\n')
      const last = (await take(tail(), 2))[1]!
      await truncate(path, 5)
      expect(texts(await take(tail(last.position), 1))).toEqual(['same'])
      expect(kinds()).toEqual(['truncated'])
    })

    // Longer than headBytesMax, the part by which a file is known again.
    const long = Array.from({ length: 300 }, (_, index) => `line ${index}\n`).join('')

    it('notices a shorter file with the same beginning, reading or starting again', async () => {
      await writeFile(path, long)
      const reader = tail()
      const last = (await take(reader, 300)).at(-1)!
      await truncate(path, 2000)
      expect(texts(await take(reader, 1))).toEqual(['line 0'])
      expect(texts(await take(tail(last.position), 1))).toEqual(['line 0'])
      expect(kinds()).toEqual(['truncated', 'truncated'])
    })

    it('notices after a restart that the position lies within a line', async () => {
      await writeFile(path, long)
      const last = (await take(tail(), 300)).at(-1)!
      await writeFile(path, `${long.slice(0, 2000)}${'x'.repeat(2000)}\n`)
      expect(texts(await take(tail(last.position), 1))).toEqual(['line 0'])
      expect(kinds()).toEqual(['truncated'])
    })

    it('knows the beginning of a file in which it went on', async () => {
      await writeFile(path, 'a1\na2\na3\n')
      const [first] = await take(tail(), 1)
      const [second] = await take(tail(first!.position), 1)
      await writeFile(path, 'b1\nb2\nb3\n')
      expect(texts(await take(tail(second!.position), 1))).toEqual(['b1'])
      expect(kinds()).toEqual(['truncated'])
    })

    it('gives nothing twice when only an unfinished line is cut away', async () => {
      await writeFile(path, 'a1\nunfinished')
      const reader = tail()
      await take(reader, 1)
      expect(await reader.lag()).toBe(0)
      await truncate(path, 3)
      expect(await reader.lag()).toBe(0)
      await appendFile(path, 'a2\n')
      const [second] = await take(reader, 1)
      expect(texts([second!])).toEqual(['a2'])
      await appendFile(path, 'a3\n')
      expect(texts(await take(tail(second!.position), 1))).toEqual(['a3'])
      expect(changes).toEqual([])
    })
  })

  describe('errors', () => {
    it('says which file is missing and what to do', async () => {
      const missing = file({ path, value: bytes }).partitions()
      await expect(missing).rejects.toMatchObject({ code: 'RIACHO_FILE_MISSING', message: expect.stringContaining(path) })
      await expect(missing).rejects.toThrow('create it')
    })

    it('waits for a missing file when told to', async () => {
      expect(await file({ path, value: bytes, wait: true }).partitions()).toEqual(['events.txt'])
      const waiting = take(tail(null, { wait: true }), 1)
      await writeFile(path, 'first\n')
      expect(texts(await waiting)).toEqual(['first'])
    })

    it('refuses what is not a file', async () => {
      await mkdir(path)
      await expect(file({ path, value: bytes }).partitions()).rejects.toMatchObject({ code: 'RIACHO_FILE_NOT_A_FILE' })
    })

    it('refuses a position of another source', () => {
      expect(() => tail(Buffer.from('elsewhere'))).toThrow('RIACHO_FILE_POSITION')
    })

    it.each([
      { name: 'events/1' },
      { path: '' },
      { lineBytesMax: 0 },
      { lineBytesMax: 64 * 1024 * 1024 + 1 },
      { chunkBytesMax: 0 },
      { poll: 0.5 },
    ])('refuses %o', options => {
      expect(() => file({ path, value: bytes, ...options })).toThrow('RIACHO_FILE_OPTION')
    })
  })
})
