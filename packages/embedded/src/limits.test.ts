import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Broker, BrokerError, batchField, type Membership } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { Frames } from './frames.ts'
import { embedded } from './index.ts'

const t0 = { topic: 't', partition: 0 }

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (thrown: unknown) => (thrown instanceof BrokerError ? thrown.code : String(thrown)),
  )

async function member(broker: Broker): Promise<Membership> {
  const assigned = Promise.withResolvers<unknown>()
  const on = { assigned: async (partitions: unknown) => assigned.resolve(partitions), revoked: async () => {}, lost: () => {} }
  const membership = await broker.join({ group: 'g', topics: ['t'] }, on)
  await assigned.promise
  return membership
}

it('refuses metadata above its limit in a transaction, which must then be aborted', async () => {
  const metadataMax = 4096
  const broker = await embedded()
  const membership = await member(broker)
  const producer = await broker.producer({ transactionalId: 'x' })
  const offset = (length: number) => [{ ...t0, offset: 1, metadata: 'ã'.repeat(length) }]
  expect(await codeOf(producer.sendOffsets(membership, offset(metadataMax + 1)))).toBe('OFFSET_METADATA_TOO_LARGE')
  expect(await codeOf(producer.commit())).toBe('OFFSET_METADATA_TOO_LARGE')
  await producer.abort()
  await producer.sendOffsets(membership, offset(metadataMax))
  await producer.commit()
  expect(await broker.admin.committed('g', [t0])).toEqual(offset(metadataMax))
  await broker.close()
})

it('takes time-outs of transactions from 1 ms to 15 minutes', async () => {
  const transactionTimeoutMax = 15 * 60_000
  const broker = await embedded()
  const open = (transactionTimeout: number) => codeOf(broker.producer({ transactionalId: 'x', transactionTimeout }))
  for (const good of [1, transactionTimeoutMax]) expect(await open(good)).toBe('none')
  for (const bad of [0, -1, Number.NaN, transactionTimeoutMax + 1]) expect(await open(bad)).toBe('INVALID_TRANSACTION_TIMEOUT')
  await broker.close()
})

it('takes up to 10,000 partitions in a topic', async () => {
  const partitionsMax = 10_000
  const broker = await embedded()
  const create = (name: string, partitions: number) => codeOf(broker.admin.createTopics([{ name, partitions }]))
  expect(await create('many', partitionsMax)).toBe('none')
  expect(await create('more', partitionsMax + 1)).toBe('INVALID_PARTITIONS')
  expect([...(await broker.admin.partitions(['many', 'more']))]).toEqual([['many', partitionsMax]])
  await broker.close()
})

it('goes on under another producer number when the epochs of one are used up', async () => {
  const epochMax = 32_767
  const broker = await embedded()
  const open = () => broker.producer({ transactionalId: 'x' })
  let last = await open()
  for (let epoch = 1; epoch <= epochMax; epoch++) {
    await last.close()
    last = await open()
  }
  last.partition(t0).append(1, null, 'the last epoch')
  await last.commit()
  const next = await open()
  expect(await codeOf(last.commit())).toBe('PRODUCER_FENCED')
  next.partition(t0).append(1, null, 'the next number')
  await next.commit()
  const fetcher = broker.fetcher({ isolation: 'read_committed' })
  fetcher.add(t0, 0)
  const [slice] = await fetcher.poll(0)
  const cursor = slice!.cursor()
  const written: [offset: number, producerId: bigint, epoch: number][] = []
  for (let batch = 0; cursor.next(); ) {
    const frame = cursor.valueFrame
    while (frame.readBigInt64BE(batch) < cursor.offset) batch += 12 + frame.readInt32BE(batch + batchField.length)
    written.push([cursor.offset, frame.readBigInt64BE(batch + batchField.producerId), frame.readInt16BE(batch + batchField.producerEpoch)])
  }
  expect(written).toEqual([
    [0, 1n, epochMax],
    [2, 2n, 0],
  ])
  slice!.release()
  await broker.close()
})

it('keeps up to 64 MiB of frames for use again', () => {
  const freeBytesMax = 64 * 1024 * 1024
  const frames = new Frames(false)
  // Their memory is never touched.
  const readThree = () => Array.from({ length: 3 }, () => frames.read(freeBytesMax / 2, () => {}))
  const first = readThree()
  for (const slice of first) slice.release()
  const again = readThree()
  expect(again.map(slice => first.some(one => one.frame === slice.frame))).toEqual([true, true, false])
  expect(frames.lent).toBe(3)
})

it('replaces a journal above 8 MiB by a short one, of which a viewer misses nothing', async () => {
  const journalBytesMax = 8 * 1024 * 1024
  const directory = mkdtempSync(join(tmpdir(), 'riacho-limits-'))
  const broker = await embedded({ directory })
  const places = Array.from({ length: 200 }, (_, partition) => ({ topic: 't', partition }))
  await broker.admin.createTopics([{ name: 't', partitions: places.length }])
  const membership = await member(broker)
  const viewer = await embedded({ directory, readOnly: true })
  const metadata = 'm'.repeat(4096)
  const sizes: number[] = []
  for (let offset = 10; offset < 40; offset++) {
    await membership.commit(places.map(at => ({ ...at, offset, metadata })))
    sizes.push(statSync(join(directory, 'journal')).size)
    expect((await viewer.admin.committed('g', places)).map(one => one.offset)).toEqual(places.map(() => offset))
  }
  const entry = sizes[1]! - sizes[0]!
  const replaced = sizes.flatMap((size, i) => (size < sizes[i - 1]! ? [sizes[i - 1]!] : []))
  expect(replaced.length).toBeGreaterThan(0)
  for (const size of replaced) expect(size + entry).toBeGreaterThan(journalBytesMax)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(journalBytesMax)
  await viewer.close()
  await broker.close()
  const next = await embedded({ directory })
  expect(await next.admin.committed('g', [places[7]!])).toEqual([{ ...places[7]!, offset: 39, metadata }])
  await next.close()
  rmSync(directory, { recursive: true })
})
