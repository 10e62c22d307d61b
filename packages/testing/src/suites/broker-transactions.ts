import type { Membership, Producer } from '@riacho/streams/engine'
import { append, type BrokerFixture, type BrokerTest, failureOf, pollUntil, type Row, until } from './broker-fixture.ts'

/** Each call twice: a failure that was told is not forgotten. */
async function refusesAll(f: BrokerFixture, producer: Producer, sendOffsets: () => Promise<void>): Promise<void> {
  for (const call of [() => producer.flush(), sendOffsets, () => producer.commit()])
    for (let time = 0; time < 2; time++) f.expect((await failureOf(call())).abortable).toBe(true)
}

/** Transactions. */
export const transactionTests: Readonly<Record<string, BrokerTest>> = {
  'shows a transaction when it is committed, not before': async f => {
    const at = await f.topic()
    const producer = await f.transactional()
    append(producer, at, 'a')
    await producer.flush()
    f.expect(await f.readStable(at)).toEqual([])
    f.expect(f.values(await f.read(at, 'read_uncommitted'))).toEqual(['a'])
    await producer.commit()
    f.expect(f.values(await f.read(at))).toEqual(['a'])
  },

  'never shows an aborted transaction to read_committed': async f => {
    const at = await f.topic()
    const producer = await f.transactional()
    append(producer, at, 'no')
    await producer.flush()
    append(producer, at, 'never sent')
    await producer.abort()
    append(producer, at, 'yes')
    await producer.commit()
    f.expect(f.values(await f.read(at))).toEqual(['yes'])
    f.expect(f.values(await f.read(at, 'read_uncommitted'))).toEqual(['no', 'yes'])
  },

  'hides aborted transactions of one producer between committed ones': async f => {
    const at = await f.topic()
    const producer = await f.transactional()
    for (const [value, keep] of [
      ['a', true],
      ['b', false],
      ['c', false],
      ['d', true],
      ['e', false],
      ['f', true],
    ] as const) {
      append(producer, at, value)
      await producer.flush()
      append(producer, at, `${value}2`)
      await (keep ? producer.commit() : producer.abort())
    }
    f.expect(f.values(await f.read(at))).toEqual(['a', 'a2', 'd', 'd2', 'f', 'f2'])
    f.expect(f.values(await f.read(at, 'read_committed', 7))).toEqual(['d', 'd2', 'f', 'f2'])
  },

  'keeps interleaved producers apart': async f => {
    const at = await f.topic()
    const [a, b, c] = [await f.transactional(), await f.transactional(), await f.transactional()]
    for (let i = 0; i < 3; i++)
      for (const [producer, name] of [
        [a, 'a'],
        [b, 'b'],
        [c, 'c'],
      ] as const) {
        append(producer, at, `${name}${i}`)
        await producer.flush()
      }
    await f.write(at, 'plain')
    await b.abort()
    f.expect(await f.readStable(at)).toEqual([])
    await a.commit()
    await c.commit()
    f.expect(f.values(await f.read(at))).toEqual(['a0', 'c0', 'a1', 'c1', 'a2', 'c2', 'plain'])
  },

  'shows nothing above the last stable offset': async f => {
    const at = await f.topic()
    await f.write(at, 'before')
    const producer = await f.transactional()
    append(producer, at, 'open')
    await producer.flush()
    await f.write(at, 'after')
    const [ends] = await f.broker.admin.offsets([at])
    f.expect([ends!.lastStable, ends!.highWatermark]).toEqual([1, 3])
    f.expect(f.values(await f.readStable(at))).toEqual(['before'])
    await producer.commit()
    f.expect(f.values(await f.read(at))).toEqual(['before', 'open', 'after'])
  },

  'hides an aborted transaction whose marker is in another slice': async f => {
    const at = await f.topic()
    const producer = await f.transactional()
    for (let i = 0; i < 20; i++) {
      append(producer, at, 'x'.repeat(1000))
      await producer.flush()
    }
    await producer.abort()
    f.expect(await f.read(at)).toEqual([])
    await f.write(at, 'end')
    const fetcher = f.broker.fetcher({ isolation: 'read_committed', partitionBytesMax: 3000, bytesMax: 3000 })
    fetcher.add(at, 0)
    const rows: Row[] = []
    await pollUntil(fetcher, rows, () => rows.length > 0)
    fetcher.close()
    f.expect(rows).toEqual([[21, null, 'end']])
  },

  'moves the position past markers once a slice is walked': async f => {
    const at = await f.topic()
    const producer = await f.transactional()
    append(producer, at, 'a')
    await producer.commit()
    const fetcher = f.broker.fetcher({ isolation: 'read_committed' })
    fetcher.add(at, 0)
    let position = 0
    for (let polls = 0; position < 2 && polls < 20; polls++)
      for (const slice of await fetcher.poll(1000)) {
        const cursor = slice.cursor()
        while (cursor.next());
        position = cursor.position
        slice.release()
      }
    fetcher.close()
    f.expect(position).toBe(2)
  },

  'moves the position over slices in which everything was aborted': async f => {
    const at = await f.topic()
    const producer = await f.transactional()
    for (let i = 0; i < 5; i++) {
      append(producer, at, 'x'.repeat(1000))
      await producer.flush()
    }
    await producer.abort()
    f.expect(await f.read(at)).toEqual([])
    const [ends] = await f.broker.admin.offsets([at])
    const fetcher = f.broker.fetcher({ isolation: 'read_committed', partitionBytesMax: 2500 })
    fetcher.add(at, 0)
    const rows: Row[] = []
    const positions: number[] = [0]
    await pollUntil(
      fetcher,
      rows,
      () => positions.at(-1) === ends!.highWatermark,
      position => positions.push(position),
    )
    f.expect(rows).toEqual([])
    f.expect(positions.length > 2).toBe(true)
    f.expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b))
    await f.write(at, 'visible')
    await pollUntil(fetcher, rows, () => rows.length > 0)
    fetcher.close()
    f.expect(rows).toEqual([[ends!.highWatermark, null, 'visible']])
  },

  'commits several partitions and topics together': async f => {
    const at = await f.topic(2)
    const other = await f.topic()
    const producer = await f.transactional()
    const places = [at, { ...at, partition: 1 }, other]
    for (const place of places) append(producer, place, 'x')
    await producer.commit()
    for (const place of places) f.expect(f.values(await f.read(place))).toEqual(['x'])
  },

  'fences an older producer with the same id and aborts what it left open': async f => {
    const at = await f.topic()
    const id = f.id()
    const older = await f.transactional(id)
    append(older, at, 'left open')
    await older.flush()
    const newer = await f.transactional(id)
    append(newer, at, 'new')
    await newer.commit()
    append(older, at, 'zombie')
    const failure = await failureOf(older.commit())
    f.expect(failure.fenced).toBe(true)
    f.expect(f.values(await f.read(at))).toEqual(['new'])
  },

  'leaves what a closed producer left open to the next one with its id, which aborts it': async f => {
    const at = await f.topic()
    const id = f.id()
    const older = await f.transactional(id)
    append(older, at, 'left open')
    await older.flush()
    append(older, at, 'not flushed')
    await older.close()
    f.expect(f.values(await f.read(at, 'read_uncommitted'))).toEqual(['left open'])
    f.expect(await f.readStable(at)).toEqual([])
    const newer = await f.transactional(id)
    append(newer, at, 'new')
    await newer.commit()
    f.expect(f.values(await f.read(at))).toEqual(['new'])
  },

  'aborts a transaction that is open for too long: its producer is not fenced, and goes on after an abort': async f => {
    const at = await f.topic()
    const producer = await f.transactional(f.id(), 300)
    append(producer, at, 'too slow')
    await producer.flush()
    f.expect(await f.read(at)).toEqual([])
    const { abortable, fenced } = await failureOf(producer.commit())
    f.expect([abortable, fenced]).toEqual([true, false])
    await producer.abort()
    append(producer, at, 'in time')
    await producer.commit()
    f.expect(f.values(await f.read(at))).toEqual(['in time'])
  },

  'refuses everything after a failed flush in a transaction, until it is aborted': async f => {
    const at = await f.topic()
    const group = f.id()
    const member = await f.member(group, [at.topic])
    await until('it owns the partition', () => member.owned.length === 1)
    const producer = await f.transactional(f.id(), 300)
    append(producer, at, 'too slow')
    await producer.flush()
    f.expect(await f.read(at)).toEqual([])
    append(producer, at, 'in no transaction')
    await refusesAll(f, producer, () => producer.sendOffsets(member.membership, [{ ...at, offset: 1 }]))
    await producer.abort()
    append(producer, at, 'in time')
    await producer.sendOffsets(member.membership, [{ ...at, offset: 2 }])
    await producer.commit()
    f.expect(f.values(await f.read(at))).toEqual(['in time'])
    f.expect((await f.broker.admin.committed(group, [at])).map(one => one.offset)).toEqual([2])
  },

  'goes on after a transaction without records': async f => {
    const at = await f.topic()
    const producer = await f.transactional()
    await producer.commit()
    await producer.abort()
    append(producer, at, 'a')
    await producer.commit()
    f.expect(f.values(await f.read(at))).toEqual(['a'])
  },

  'commits offsets with the transaction, or not at all': async f => {
    const at = await f.topic()
    const out = await f.topic()
    const group = f.id()
    const member = await f.member(group, [at.topic])
    await until('it owns the partition', () => member.owned.length === 1)
    const producer = await f.transactional()
    append(producer, out, 'a')
    await producer.sendOffsets(member.membership, [{ ...at, offset: 5, metadata: 'm' }])
    await producer.abort()
    f.expect(await f.broker.admin.committed(group, [at])).toEqual([])
    append(producer, out, 'b')
    await producer.sendOffsets(member.membership, [{ ...at, offset: 6 }])
    await producer.commit()
    f.expect((await f.broker.admin.committed(group, [at])).map(one => one.offset)).toEqual([6])
    f.expect(f.values(await f.read(out))).toEqual(['b'])
  },

  'committed waits for a transaction that holds offsets': async f => {
    const at = await f.topic()
    const group = f.id()
    const member = await f.member(group, [at.topic])
    await until('it owns the partition', () => member.owned.length === 1)
    const producer = await f.transactional()
    await producer.sendOffsets(member.membership, [{ ...at, offset: 6 }])
    let answered = false
    const asked = f.broker.admin.committed(group, [at]).then(committed => {
      answered = true
      return committed
    })
    await new Promise(resolve => setTimeout(resolve, 100))
    f.expect(answered).toBe(false)
    await producer.commit()
    f.expect((await asked).map(one => one.offset)).toEqual([6])
  },

  'refuses the offsets of an earlier generation': async f => {
    const at = await f.topic(2)
    const out = await f.topic()
    const group = f.id()
    const a = await f.member(group, [at.topic])
    await until('it owns both partitions', () => a.owned.length === 2)
    const { memberId, generation } = a.membership
    const before: Membership = { group, memberId, generation, commit: offsets => a.membership.commit(offsets), leave: async () => {} }
    const b = await f.member(group, [at.topic])
    await until('the newcomer owns one', () => b.owned.length === 1 && a.membership.generation > generation)
    const producer = await f.transactional()
    append(producer, out, 'no')
    f.expect((await failureOf(producer.sendOffsets(before, [{ ...at, offset: 1 }]))).fenced).toBe(true)
    await refusesAll(f, producer, () => producer.sendOffsets(a.membership, [{ ...at, offset: 1 }]))
    await producer.abort()
    append(producer, out, 'yes')
    await producer.commit()
    f.expect(f.values(await f.read(out))).toEqual(['yes'])
  },
}
