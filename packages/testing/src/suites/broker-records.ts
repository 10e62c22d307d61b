import type { RecordBatches } from '@riacho/streams/engine'
import { append, type BrokerTest, failureOf, pollUntil, type Row, take, until } from './broker-fixture.ts'

const start = 1_700_000_000_000

/** Producing, fetching, loans and admin. */
export const recordTests: Readonly<Record<string, BrokerTest>> = {
  'hands out what was produced, in order, with offsets without gaps': async f => {
    const at = await f.topic()
    const producer = await f.broker.producer({})
    for (let i = 0; i < 1000; i++) producer.partition(at).append(start + i, `k${i}`, `v${i}`)
    await producer.flush()
    f.expect(await f.read(at)).toEqual(Array.from({ length: 1000 }, (_, i): Row => [i, `k${i}`, `v${i}`]))
  },

  'keeps nulls, empty bytes, UTF-8, timestamps and headers': async f => {
    const at = await f.topic()
    const producer = await f.broker.producer({})
    const writer = producer.partition(at)
    writer.append(start, null, null)
    writer.append(start - 5000, '', new Uint8Array(0))
    writer.append(start + 5, 'chave-ã', '🌊', [
      ['a', null],
      ['a', new Uint8Array([1, 2])],
      ['ü', new Uint8Array(0)],
    ])
    await producer.flush()
    const seen: unknown[] = []
    const fetcher = f.broker.fetcher({ isolation: 'read_committed' })
    fetcher.add(at, 0)
    while (seen.length < 3) {
      for (const slice of await fetcher.poll(1000)) {
        const c = slice.cursor()
        while (c.next()) {
          const value = c.valueStart < 0 ? null : c.valueFrame.toString('utf8', c.valueStart, c.valueEnd)
          seen.push(
            [c.timestamp, c.keyStart, value, c.hasHeaders, c.headers().map(([name, bytes]) => [name, bytes && [...bytes]])].with(
              1,
              c.keyStart < 0,
            ),
          )
        }
        slice.release()
      }
    }
    fetcher.close()
    f.expect(seen).toEqual([
      [start, true, null, false, []],
      [start - 5000, false, '', false, []],
      [
        start + 5,
        false,
        '🌊',
        true,
        [
          ['a', null],
          ['a', [1, 2]],
          ['ü', []],
        ],
      ],
    ])
  },

  'copies what is appended before it returns': async f => {
    const at = await f.topic()
    const producer = await f.broker.producer({})
    const bytes = Buffer.from('before')
    producer.partition(at).append(start, bytes, bytes)
    bytes.fill(0)
    await producer.flush()
    f.expect(await f.read(at)).toEqual([[0, 'before', 'before']])
  },

  'takes a value larger than a batch': async f => {
    const at = await f.topic()
    const producer = await f.broker.producer({ batchBytesMax: 16_384 })
    const value = 'x'.repeat(300_000)
    append(producer, at, 'a')
    append(producer, at, value)
    append(producer, at, 'b')
    await producer.flush()
    f.expect(f.values(await f.read(at))).toEqual(['a', value, 'b'])
  },

  'gives the same writer for the same partition, and counts what is buffered': async f => {
    const at = await f.topic()
    const producer = await f.broker.producer({})
    f.expect(producer.partition(at) === producer.partition({ ...at })).toBe(true)
    f.expect(producer.bufferedBytes).toBe(0)
    append(producer, at, 'x'.repeat(100))
    f.expect(producer.bufferedBytes >= 100).toBe(true)
    await producer.flush()
    f.expect(producer.bufferedBytes).toBe(0)
  },

  'sends nothing before the flush when it is told to hold': async f => {
    const at = await f.topic()
    const producer = await f.broker.producer({ batchBytesMax: 1000, holdUntilFlush: true })
    for (let i = 0; i < 50; i++) append(producer, at, String(i).padStart(100, '0'))
    f.expect(producer.bufferedBytes >= 5000).toBe(true)
    await new Promise(resolve => setTimeout(resolve, 50))
    const [before] = await f.broker.admin.offsets([at])
    f.expect(before!.highWatermark).toBe(0)
    await producer.flush()
    f.expect(producer.bufferedBytes).toBe(0)
    f.expect((await f.read(at)).map(([, , value]) => Number(value))).toEqual(Array.from({ length: 50 }, (_, i) => i))
  },

  'reads from an offset inside a batch': async f => {
    const at = await f.topic()
    const producer = await f.broker.producer({})
    for (let i = 0; i < 10; i++) append(producer, at, String(i))
    await producer.flush()
    f.expect(await f.read(at, 'read_committed', 7)).toEqual([
      [7, null, '7'],
      [8, null, '8'],
      [9, null, '9'],
    ])
  },

  'keeps to the limits of a poll, but hands out a batch that is larger': async f => {
    const at = await f.topic(2)
    const other = { ...at, partition: 1 }
    const value = 'x'.repeat(1000)
    for (const one of [at, other]) await f.write(one, value, value, value, value)
    const fetcher = f.broker.fetcher({ isolation: 'read_committed', partitionBytesMax: 2500, bytesMax: 2500 })
    fetcher.add(at, 0)
    fetcher.add(other, 0)
    const rows: Row[] = []
    let most = 0
    while (rows.length < 8) {
      const slices = await fetcher.poll(1000)
      most = Math.max(
        most,
        slices.reduce((bytes, slice) => bytes + slice.bytes, 0),
      )
      for (const slice of slices) take(slice, rows)
    }
    fetcher.close()
    f.expect(most <= 2500).toBe(true)
    const small = f.broker.fetcher({ isolation: 'read_committed', partitionBytesMax: 100, bytesMax: 100 })
    small.add(at, 0)
    const again: Row[] = []
    await pollUntil(small, again, () => again.length === 4)
    small.close()
  },

  'lets partitions take turns': async f => {
    const at = await f.topic(3)
    const value = 'x'.repeat(1000)
    const seen = [0, 0, 0]
    for (const partition of [0, 1, 2]) await f.write({ ...at, partition }, ...Array<string>(6).fill(value))
    const fetcher = f.broker.fetcher({ isolation: 'read_committed', partitionBytesMax: 1500, bytesMax: 1500 })
    for (const partition of [0, 1, 2]) fetcher.add({ ...at, partition }, 0)
    while (Math.max(...seen) < 6)
      for (const slice of await fetcher.poll(1000)) {
        const rows: Row[] = []
        take(slice, rows)
        seen[slice.partition]! += rows.length
      }
    fetcher.close()
    f.expect(Math.min(...seen) > 0).toBe(true)
  },

  'does not read a paused partition until it is resumed': async f => {
    const at = await f.topic(2)
    const other = { ...at, partition: 1 }
    await f.write(at, 'a')
    await f.write(other, 'b')
    const fetcher = f.broker.fetcher({ isolation: 'read_committed' })
    fetcher.add(at, 0)
    fetcher.add(other, 0)
    fetcher.pause(at)
    const rows: Row[] = []
    await pollUntil(fetcher, rows, () => rows.length === 1)
    for (const slice of await fetcher.poll(100)) take(slice, rows)
    f.expect(f.values(rows)).toEqual(['b'])
    fetcher.resume(at)
    await pollUntil(fetcher, rows, () => rows.length === 2)
    fetcher.close()
    f.expect(f.values(rows)).toEqual(['b', 'a'])
  },

  'goes on at the offset that was sought': async f => {
    const at = await f.topic()
    await f.write(at, 'a', 'b', 'c')
    const fetcher = f.broker.fetcher({ isolation: 'read_committed' })
    fetcher.add(at, 0)
    const rows: Row[] = []
    await pollUntil(fetcher, rows, () => rows.length === 3)
    fetcher.seek(at, 1)
    await pollUntil(fetcher, rows, () => rows.length === 5)
    fetcher.close()
    f.expect(f.values(rows)).toEqual(['a', 'b', 'c', 'b', 'c'])
  },

  'reads a removed partition no more': async f => {
    const at = await f.topic()
    const fetcher = f.broker.fetcher({ isolation: 'read_committed' })
    fetcher.add(at, 0)
    fetcher.remove(at)
    await f.write(at, 'a')
    f.expect((await fetcher.poll(200)).length).toBe(0)
    fetcher.close()
  },

  'ends a waiting poll by wake, with nothing': async f => {
    const at = await f.topic()
    const fetcher = f.broker.fetcher({ isolation: 'read_committed' })
    fetcher.add(at, 0)
    const waiting = fetcher.poll(600_000)
    await new Promise(resolve => setTimeout(resolve, 50))
    fetcher.wake()
    f.expect((await waiting).length).toBe(0)
    fetcher.close()
  },

  'ends the next poll by wake when none waits': async f => {
    const at = await f.topic()
    const fetcher = f.broker.fetcher({ isolation: 'read_committed' })
    fetcher.add(at, 0)
    fetcher.wake()
    f.expect((await fetcher.poll(600_000)).length).toBe(0)
    fetcher.close()
  },

  'ends a waiting poll when a record arrives': async f => {
    const at = await f.topic()
    const fetcher = f.broker.fetcher({ isolation: 'read_committed' })
    fetcher.add(at, 0)
    const rows: Row[] = []
    const waiting = fetcher.poll(20_000)
    await f.write(at, 'a')
    for (const slice of await waiting) take(slice, rows)
    await pollUntil(fetcher, rows, () => rows.length > 0)
    fetcher.close()
    f.expect(f.values(rows)).toEqual(['a'])
  },

  'keeps slices intact until they are released, whatever is fetched meanwhile': async f => {
    const at = await f.topic()
    const values = Array.from({ length: 20 }, (_, i) => String.fromCharCode(97 + i).repeat(2000))
    await f.write(at, ...values)
    const fetcher = f.broker.fetcher({ isolation: 'read_committed', partitionBytesMax: 5000, bytesMax: 5000 })
    fetcher.add(at, 0)
    const held: RecordBatches[] = []
    while (held.length < 3) held.push(...(await fetcher.poll(1000)))
    const rows: Row[] = []
    for (const slice of held.toReversed()) take(slice, rows)
    await pollUntil(fetcher, rows, () => rows.length === 20)
    fetcher.close()
    f.expect(f.values(rows.toSorted((a, b) => a[0] - b[0]))).toEqual(values)
  },

  'rejects a poll from an offset out of range, and says so': async f => {
    const at = await f.topic()
    await f.write(at, 'a')
    const fetcher = f.broker.fetcher({ isolation: 'read_committed' })
    fetcher.add(at, 5)
    const failure = await failureOf(fetcher.poll(5000))
    f.expect([failure.code, failure.at]).toEqual(['OFFSET_OUT_OF_RANGE', at])
    fetcher.seek(at, 0)
    const rows: Row[] = []
    await pollUntil(fetcher, rows, () => rows.length === 1)
    fetcher.close()
  },

  'deletes records below an offset': async f => {
    const at = await f.topic()
    await f.write(at, 'a', 'b', 'c', 'd')
    await f.broker.admin.deleteRecords([{ ...at, offset: 2 }])
    const [ends] = await f.broker.admin.offsets([at])
    f.expect([ends!.start, ends!.highWatermark]).toEqual([2, 4])
    f.expect(f.values(await f.read(at, 'read_committed', 2))).toEqual(['c', 'd'])
    const fetcher = f.broker.fetcher({ isolation: 'read_committed' })
    fetcher.add(at, 0)
    f.expect((await failureOf(fetcher.poll(5000))).code).toBe('OFFSET_OUT_OF_RANGE')
    fetcher.close()
  },

  'creates topics that are missing, leaves others as they are, and knows partition counts': async f => {
    const { topic } = await f.topic(3)
    await f.broker.admin.createTopics([
      { name: topic, partitions: 5 },
      { name: `${topic}-b`, partitions: 2, config: { 'cleanup.policy': 'compact' } },
    ])
    const counts = await f.broker.admin.partitions([topic, `${topic}-b`, `${topic}-missing`])
    f.expect([...counts].sort()).toEqual([
      [topic, 3],
      [`${topic}-b`, 2],
    ])
  },

  'keeps records, transactions and committed offsets when it is opened again': async f => {
    const at = await f.topic()
    await f.write(at, 'a', 'b')
    const group = f.id()
    const member = await f.member(group, [at.topic])
    await until('it owns the partition', () => member.owned.length === 1)
    const producer = await f.transactional()
    append(producer, at, 'aborted')
    await producer.flush()
    await producer.abort()
    append(producer, at, 'c')
    await producer.sendOffsets(member.membership, [{ ...at, offset: 2, metadata: 'm' }])
    await producer.commit()
    await member.membership.commit([{ ...at, offset: 3 }])
    // What has been seen must be seen again. A cluster that is opened again by a crash may show less of what has not been seen yet.
    for (const again of [false, true]) {
      if (again) await f.reopen()
      f.expect(f.values(await f.read(at))).toEqual(['a', 'b', 'c'])
      f.expect((await f.broker.admin.committed(group, [at])).map(one => one.offset)).toEqual([3])
    }
    await f.write(at, 'd')
    f.expect(f.values(await f.read(at))).toEqual(['a', 'b', 'c', 'd'])
  },

  'ends a waiting poll when it is closed': async f => {
    const at = await f.topic()
    const fetcher = f.broker.fetcher({ isolation: 'read_committed' })
    fetcher.add(at, 0)
    const waiting = fetcher.poll(600_000).catch(() => [])
    await new Promise(resolve => setTimeout(resolve, 20))
    await f.broker.close()
    f.expect((await waiting).length).toBe(0)
  },
}
