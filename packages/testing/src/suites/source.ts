import type { Source, SourceReader, SourceRecord } from '@riacho/streams'
import { type Skip, type TestFunctions, testsOf } from './tests.ts'

/** One real system with one source on it, made anew for each test. */
export interface SourceFixture {
  readonly source: Source<unknown, unknown>
  /** Puts records with these values behind those that are there, into the first partition. Resolves when the system holds them. */
  append(values: readonly Uint8Array[]): Promise<void>
  close(): Promise<void>
}

/** What {@link sourceSuite} takes. */
export interface SourceSuiteOptions {
  readonly name: string
  readonly make: () => Promise<SourceFixture>
  /** Tests that do not apply, each with its reason. */
  readonly skip?: readonly Skip[]
}

const never = new AbortController().signal
const bytesOf = (text: string): Uint8Array => Buffer.from(text)
const textOf = (record: SourceRecord): string => Buffer.from(record.value ?? []).toString()
const texts = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, index) => `value ${from + index}`)

/** Reads `count` records, at most `recordsMax` at a time. */
const readCount = async (reader: SourceReader, count: number, recordsMax = count): Promise<SourceRecord[]> => {
  const records: SourceRecord[] = []
  while (records.length < count) records.push(...(await reader.read(Math.min(recordsMax, count - records.length), never)))
  return records
}

/** Runs a test with an opened reader of the first partition; `open` opens another one. */
type Body = (reader: SourceReader, fixture: SourceFixture, open: (from: Uint8Array | null) => SourceReader) => Promise<void>

/** The contract of `Source` as tests: every source runs them against the real system. */
export const sourceSuite = ({ name, make, skip = [] }: SourceSuiteOptions, { describe, it, expect }: TestFunctions): void => {
  const opened =
    (body: Body, before: readonly string[] = []) =>
    async (): Promise<void> => {
      const fixture = await make()
      const readers: SourceReader[] = []
      try {
        await fixture.append(before.map(bytesOf))
        const [partition] = await fixture.source.partitions()
        const open = (from: Uint8Array | null): SourceReader => {
          const reader = fixture.source.open(partition!, from)
          readers.push(reader)
          return reader
        }
        await body(open(null), fixture, open)
      } finally {
        for (const reader of readers) await reader.close()
        await fixture.close()
      }
    }

  describe(`Source contract: ${name}`, () => {
    testsOf(it, skip, {
      'has a name that topics may carry, and partitions that are the same each time': opened(async (_reader, { source }) => {
        expect(/^[A-Za-z0-9._-]+$/.test(source.name)).toBe(true)
        const partitions = await source.partitions()
        expect(partitions.length > 0).toBe(true)
        expect(new Set(partitions).size).toBe(partitions.length)
        expect(await source.partitions()).toEqual(partitions)
      }),

      'gives every record once, in order, with its bytes': opened(
        async reader => {
          const records = await readCount(reader, 1000, 300)
          expect(records.map(textOf)).toEqual(texts(0, 1000))
        },
        texts(0, 1000),
      ),

      'gives offsets that grow and timestamps in milliseconds': opened(
        async reader => {
          const records = await readCount(reader, 20)
          records.forEach((record, index) => {
            expect(index === 0 || record.offset > records[index - 1]!.offset).toBe(true)
            expect(record.timestamp > Date.UTC(2020) && record.timestamp <= Date.now()).toBe(true)
          })
        },
        texts(0, 20),
      ),

      'gives at most recordsMax at a time': opened(
        async reader => {
          for (const recordsMax of [1, 3, 7]) expect((await reader.read(recordsMax, never)).length <= recordsMax).toBe(true)
        },
        texts(0, 50),
      ),

      'gives what there is without waiting for more': opened(
        async reader => {
          expect((await readCount(reader, 3, 1000)).map(textOf)).toEqual(texts(0, 3))
        },
        texts(0, 3),
      ),

      'waits for records that come later': opened(
        async (reader, fixture) => {
          await readCount(reader, 2)
          const waiting = reader.read(10, never)
          await fixture.append([bytesOf('later')])
          expect((await waiting).map(textOf)).toEqual(['later'])
        },
        texts(0, 2),
      ),

      'ends a waiting read when it is aborted, and loses nothing': opened(
        async (reader, fixture) => {
          await readCount(reader, 2)
          const abort = new AbortController()
          const waiting = reader.read(10, abort.signal)
          setTimeout(() => abort.abort(), 20)
          expect(await waiting).toEqual([])
          expect(await reader.read(10, AbortSignal.abort())).toEqual([])
          await fixture.append([bytesOf('later')])
          expect((await readCount(reader, 1)).map(textOf)).toEqual(['later'])
        },
        texts(0, 2),
      ),

      'goes on after any position': opened(
        async (reader, _fixture, open) => {
          const records = await readCount(reader, 12)
          await reader.commit(records[11]!.position)
          await reader.close()
          for (const [index, record] of records.slice(0, 11).entries()) {
            const again = open(record.position)
            const rest = await readCount(again, 11 - index)
            expect(rest.map(textOf)).toEqual(texts(index + 1, 12))
            expect(rest.map(each => each.offset)).toEqual(records.slice(index + 1).map(each => each.offset))
            await again.close()
          }
        },
        texts(0, 12),
      ),

      'goes on after the last position with what was appended meanwhile': opened(
        async (reader, fixture, open) => {
          const last = (await readCount(reader, 3)).at(-1)!.position
          await reader.commit(last)
          await reader.close()
          await fixture.append([bytesOf('later')])
          expect((await readCount(open(last), 1)).map(textOf)).toEqual(['later'])
        },
        texts(0, 3),
      ),

      'gives again what no commit covers': opened(
        async (reader, _fixture, open) => {
          const records = await readCount(reader, 10)
          await reader.commit(records[3]!.position)
          await reader.close()
          expect((await readCount(open(records[3]!.position), 6)).map(textOf)).toEqual(texts(4, 10))
        },
        texts(0, 10),
      ),

      'takes the same commit twice': opened(
        async (reader, fixture) => {
          const records = await readCount(reader, 4)
          await reader.commit(records[3]!.position)
          await reader.commit(records[3]!.position)
          await fixture.append([bytesOf('later')])
          expect((await readCount(reader, 1)).map(textOf)).toEqual(['later'])
        },
        texts(0, 4),
      ),

      'keeps no hand on records that it gave out': opened(
        async (reader, fixture) => {
          const first = await readCount(reader, 5)
          const before = first.map(record => [textOf(record), Buffer.from(record.position).toString('hex')])
          await fixture.append(texts(5, 500).map(bytesOf))
          await readCount(reader, 495)
          await reader.close()
          expect(first.map(record => [textOf(record), Buffer.from(record.position).toString('hex')])).toEqual(before)
        },
        texts(0, 5),
      ),

      'tells what is left, and 0 at the end': opened(
        async (reader, fixture) => {
          await readCount(reader, 1, 1)
          const left = await reader.lag()
          expect(left > 0).toBe(true)
          await readCount(reader, 8)
          expect((await reader.lag()) < left).toBe(true)
          await readCount(reader, 1)
          expect(await reader.lag()).toBe(0)
          await fixture.append([bytesOf('later')])
          expect((await readCount(reader, 1)).map(textOf)).toEqual(['later'])
          expect(await reader.lag()).toBe(0)
        },
        texts(0, 10),
      ),

      'gives bytes as they are, text or not': opened(async (reader, fixture) => {
        const values = [Buffer.from([0xff, 0xfe, 0x00, 0x80]), Buffer.from('ação ✓ 🙂'), Buffer.from('__proto__')]
        await fixture.append(values)
        const records = await readCount(reader, values.length)
        expect(records.map(record => Buffer.from(record.value!).toString('hex'))).toEqual(values.map(value => value.toString('hex')))
      }),

      'gives an empty value as an empty value': opened(async (reader, fixture) => {
        await fixture.append([bytesOf(''), bytesOf('next')])
        expect((await readCount(reader, 2)).map(textOf)).toEqual(['', 'next'])
      }),

      'gives a value of a megabyte whole': opened(async (reader, fixture) => {
        const large = Buffer.alloc(1024 * 1024, 'riacho')
        await fixture.append([large, bytesOf('next')])
        const [first, second] = await readCount(reader, 2)
        expect(Buffer.from(first!.value!).equals(large)).toBe(true)
        expect(textOf(second!)).toBe('next')
      }),

      'can be closed without having been read, and opened again': opened(
        async (reader, _fixture, open) => {
          await reader.close()
          expect((await readCount(open(null), 2)).map(textOf)).toEqual(texts(0, 2))
        },
        texts(0, 2),
      ),
    })
  })
}
