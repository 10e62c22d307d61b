import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Broker, BrokerError, systemClock, type TopicPartition } from '@riacho/streams/engine'
import { afterAll, describe, expect, it } from 'vitest'
import { type EmbeddedOptions, embedded } from './index.ts'

const directories: string[] = []
const temporary = (): string => {
  const directory = mkdtempSync(join(tmpdir(), 'riacho-directory-'))
  directories.push(directory)
  return directory
}
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

const t0 = { topic: 't', partition: 0 }
const fileOf = (directory: string, base = 0): string => join(directory, 'topics', 't', '0', `${String(base).padStart(20, '0')}.log`)

async function write(
  broker: Broker,
  at: TopicPartition,
  rows: readonly (readonly [key: string | null, value: string | null])[],
): Promise<void> {
  const producer = await broker.producer({})
  for (const [key, value] of rows) producer.partition(at).append(1_700_000_000_000, key, value)
  await producer.flush()
  await producer.close()
}

/** Values with their offsets that a fresh reader sees. */
async function read(broker: Broker, at: TopicPartition): Promise<[offset: number, value: string | null][]> {
  const [ends] = await broker.admin.offsets([at])
  const fetcher = broker.fetcher({ isolation: 'read_committed' })
  fetcher.add(at, ends!.start)
  const rows: [number, string | null][] = []
  for (let position = ends!.start; position < ends!.lastStable; ) {
    for (const slice of await fetcher.poll(1000)) {
      const c = slice.cursor()
      while (c.next()) rows.push([c.offset, c.valueStart < 0 ? null : c.valueFrame.toString('utf8', c.valueStart, c.valueEnd)])
      position = c.position
      slice.release()
    }
  }
  fetcher.close()
  return rows
}

async function failure(work: Promise<unknown>): Promise<BrokerError> {
  const thrown = await work.catch((error: unknown) => error)
  if (thrown instanceof BrokerError) return thrown
  throw new Error(`expected a BrokerError, got ${String(thrown)}`)
}

/** A process that runs `body` with a broker on the directory; `ready` resolves with its first line. */
function processWith(directory: string, body: string) {
  const code = `import { embedded } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
    const broker = await embedded({ directory: ${JSON.stringify(directory)}, segmentBytesMax: 50_000 })
    ${body}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the process ended by itself, with ${code}`)
  })
  ended.catch(() => {}) // It ends by being killed, too.
  const ready = Promise.race([once(child.stdout, 'data'), ended])
  const kill = async (): Promise<void> => {
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }
  return { pid: child.pid!, ready, kill }
}

/** Each transaction writes its number to three partitions, in two steps, and commits its number as an offset; every third is tried and aborted first. */
const transactions = `
  const places = [0, 1, 2].map(partition => ({ topic: 'out', partition }))
  await broker.admin.createTopics([{ name: 'out', partitions: 3 }])
  const owned = Promise.withResolvers()
  const member = await broker.join({ group: 'g', topics: ['in'] }, { assigned: owned.resolve, revoked: async () => {}, lost() {} })
  await owned.promise
  const producer = await broker.producer({ transactionalId: 'x' })
  const [at] = await broker.admin.committed('g', [{ topic: 'in', partition: 0 }])
  console.log('ready')
  for (let i = at?.offset ?? 0; ; i++) {
    for (const end of i % 3 === 0 ? ['abort', 'commit'] : ['commit']) {
      producer.partition(places[0]).append(Date.now(), null, String(i))
      await producer.flush()
      producer.partition(places[1]).append(Date.now(), null, String(i))
      producer.partition(places[2]).append(Date.now(), null, 'x'.repeat(500) + i)
      await producer.sendOffsets(member, [{ topic: 'in', partition: 0, offset: i + 1 }])
      await producer[end]()
    }
    if (i % 20 === 0) await new Promise(setImmediate)
  }`

describe('a directory', () => {
  it('holds whole transactions only, after each of several kill -9', { timeout: 60_000 }, async () => {
    const directory = temporary()
    let before = 0
    for (const delay of [60, 110, 170, 230, 310]) {
      const writer = processWith(directory, transactions)
      await writer.ready
      await new Promise(resolve => setTimeout(resolve, delay))
      await writer.kill()
      const broker = await embedded({ directory })
      const [committed] = await broker.admin.committed('g', [{ topic: 'in', partition: 0 }])
      const expected = Array.from({ length: committed!.offset }, (_, i) => String(i))
      for (const partition of [0, 1, 2]) {
        const seen = await read(broker, { topic: 'out', partition })
        expect(seen.map(([, value]) => value!.replaceAll('x', ''))).toEqual(expected)
      }
      expect(committed!.offset).toBeGreaterThan(before)
      before = committed!.offset
      await broker.close()
    }
  })

  it('ends a transaction as its decision in the journal says when the markers are missing', async () => {
    const directory = temporary()
    const broker = await embedded({ directory })
    const producer = await broker.producer({ transactionalId: 'x' })
    producer.partition(t0).append(1, null, 'decided')
    await producer.flush()
    const unmarked = statSync(fileOf(directory)).size
    await producer.commit()
    producer.partition(t0).append(1, null, 'not decided')
    await producer.flush()
    // As if the process had been killed between the decision and the marker: without close, which would change nothing.
    await broker.close()
    truncateSync(fileOf(directory), unmarked)
    const again = await embedded({ directory })
    expect((await read(again, t0)).map(([, value]) => value)).toEqual(['decided'])
    const [ends] = await again.admin.offsets([t0])
    expect(ends).toMatchObject({ highWatermark: 2, lastStable: 2 })
    await again.close()
  })

  it('cuts a torn tail at every length, and goes on there', async () => {
    const directory = temporary()
    const broker = await embedded({ directory })
    await write(broker, t0, [[null, 'a']])
    const whole = statSync(fileOf(directory)).size
    await write(broker, t0, [[null, 'b']])
    await broker.close()
    const full = readFileSync(fileOf(directory))
    for (let length = whole + 1; length < full.length; length += 7) {
      writeFileSync(fileOf(directory), full.subarray(0, length))
      const again = await embedded({ directory })
      expect(await read(again, t0)).toEqual([[0, 'a']])
      expect(statSync(fileOf(directory)).size).toBe(whole)
      await again.close()
    }
    const again = await embedded({ directory })
    await write(again, t0, [[null, 'c']])
    expect(await read(again, t0)).toEqual([
      [0, 'a'],
      [1, 'c'],
    ])
    await again.close()
  })

  it('cuts a torn tail of the journal', async () => {
    const directory = temporary()
    const broker = await embedded({ directory })
    await broker.admin.createTopics([{ name: 't', partitions: 3 }])
    await broker.close()
    appendFileSync(join(directory, 'journal'), Buffer.from([0, 0, 0, 50, 1, 2, 3]))
    const again = await embedded({ directory })
    await again.admin.createTopics([{ name: 'u', partitions: 2 }])
    await again.close()
    const third = await embedded({ directory })
    expect([...(await third.admin.partitions(['t', 'u']))]).toEqual([
      ['t', 3],
      ['u', 2],
    ])
    await third.close()
  })

  it('refuses a log that is damaged in its middle, and says where', async () => {
    const directory = temporary()
    const broker = await embedded({ directory })
    for (const value of ['a', 'b', 'c']) await write(broker, t0, [[null, value]])
    await broker.close()
    const bytes = readFileSync(fileOf(directory))
    bytes[100]! ^= 1
    writeFileSync(fileOf(directory), bytes)
    const error = await failure(embedded({ directory }))
    expect(error.code).toBe('LOG_CORRUPT')
    expect(error.message).toContain(fileOf(directory))
  })

  it('notices damage when it reads', async () => {
    const directory = temporary()
    const broker = await embedded({ directory })
    await write(broker, t0, [[null, 'abc']])
    const bytes = readFileSync(fileOf(directory))
    bytes[bytes.length - 3]! ^= 1
    writeFileSync(fileOf(directory), bytes)
    await expect(read(broker, t0)).rejects.toThrow('RIACHO_BATCH_CORRUPT')
    await broker.close()
  })

  it('is for one process: another is told which one has it, and a dead one does not count', async () => {
    const directory = temporary()
    const other = processWith(directory, `console.log('ready'); setInterval(() => {}, 1000)`)
    await other.ready
    const error = await failure(embedded({ directory }))
    expect(error.code).toBe('DATA_DIR_LOCKED')
    expect(error.message).toContain(String(other.pid))
    await other.kill()
    const broker = await embedded({ directory })
    expect((await failure(embedded({ directory }))).message).toContain(String(process.pid))
    await broker.close()
    expect(existsSync(join(directory, 'lock'))).toBe(false)
    // The number of a living process, which started at another time.
    writeFileSync(join(directory, 'lock'), JSON.stringify({ pid: process.pid, started: 'before' }))
    await (await embedded({ directory })).close()
  })

  it('is not written to by a producer of a broker that is closed', async () => {
    const directory = temporary()
    const broker = await embedded({ directory })
    const producer = await broker.producer({})
    producer.partition(t0).append(1, null, 'a')
    await producer.flush()
    producer.partition(t0).append(1, null, 'b')
    await broker.close()
    const next = await embedded({ directory })
    expect((await failure(producer.flush())).code).toBe('CLOSED')
    await write(next, t0, [[null, 'c']])
    expect((await read(next, t0)).map(([, value]) => value)).toEqual(['a', 'c'])
    await next.close()
  })

  it('can be looked at while another broker writes to it', async () => {
    const directory = temporary()
    const broker = await embedded({ directory, segmentBytesMax: 300 })
    await write(broker, t0, [[null, 'a']])
    const viewer = await embedded({ directory, readOnly: true })
    expect(await read(viewer, t0)).toEqual([[0, 'a']])
    const producer = await broker.producer({ transactionalId: 'x' })
    producer.partition(t0).append(1, null, 'b'.repeat(200))
    await producer.flush()
    appendFileSync(fileOf(directory, 1), Buffer.alloc(20))
    expect(await read(viewer, t0)).toEqual([[0, 'a']])
    truncateSync(fileOf(directory, 1), statSync(fileOf(directory, 1)).size - 20)
    await producer.commit()
    await broker.admin.createTopics([{ name: 'later', partitions: 1 }])
    expect((await read(viewer, t0)).map(([offset]) => offset)).toEqual([0, 1])
    expect((await viewer.admin.partitions(['later'])).size).toBe(1)
    expect((await failure(viewer.producer({}))).code).toBe('READ_ONLY')
    await viewer.close()
    await write(broker, t0, [[null, 'c']])
    await broker.close()
  })

  it('keeps files to their owner and topic names to what is safe', async () => {
    const directory = join(temporary(), 'made')
    const broker = await embedded({ directory })
    await write(broker, t0, [[null, 'a']])
    for (const path of [fileOf(directory), join(directory, 'journal'), join(directory, 'lock')])
      expect(statSync(path).mode & 0o777).toBe(0o600)
    for (const path of [directory, join(directory, 'topics', 't', '0')]) expect(statSync(path).mode & 0o777).toBe(0o700)
    for (const name of ['', '.', '..', '../x', 'a/b', 'a b', 'x'.repeat(250), 'ã'])
      expect((await failure(broker.admin.createTopics([{ name, partitions: 1 }]))).code).toBe('INVALID_TOPIC_EXCEPTION')
    await broker.close()
  })

  it('removes whole files when records are deleted, and remembers where the log starts', async () => {
    const directory = temporary()
    const options: EmbeddedOptions = { directory, segmentBytesMax: 1000 }
    const broker = await embedded(options)
    for (let i = 0; i < 20; i++) await write(broker, t0, [[null, 'x'.repeat(300) + i]])
    const files = (): number => readdirSync(join(directory, 'topics', 't', '0')).length
    const before = files()
    await broker.admin.deleteRecords([{ ...t0, offset: 15 }])
    expect(files()).toBeLessThan(before)
    await broker.close()
    const again = await embedded(options)
    const [ends] = await again.admin.offsets([t0])
    expect([ends!.start, ends!.highWatermark]).toEqual([15, 20])
    expect((await read(again, t0)).map(([offset]) => offset)).toEqual([15, 16, 17, 18, 19])
    await again.close()
  })

  it('cleans a compacted topic when it is opened: the last record of each key at its old offset', async () => {
    const directory = temporary()
    let now = Date.now()
    const options: EmbeddedOptions = {
      directory,
      segmentBytesMax: 5000,
      compactBytesMin: 1000,
      clock: { now: () => now, sleep: systemClock.sleep },
    }
    const open = () => embedded(options)
    let broker = await open()
    await broker.admin.createTopics([{ name: 't', partitions: 1, config: { 'cleanup.policy': 'compact', 'delete.retention.ms': '60000' } }])
    for (let i = 0; i < 50; i++)
      await write(
        broker,
        t0,
        Array.from({ length: 10 }, (_, k) => [`k${k}`, `${i}${'x'.repeat(50)}`]),
      )
    const producer = await broker.producer({ transactionalId: 'x' })
    producer.partition(t0).append(1, 'k0', 'aborted')
    await producer.flush()
    await producer.abort()
    await write(broker, t0, [['k1', null]])
    const [ends] = await broker.admin.offsets([t0])
    await broker.close()
    for (let opening = 0; opening < 3; opening++) {
      broker = await open()
      const seen = await read(broker, t0)
      expect(seen.map(([offset]) => offset)).toEqual([490, 492, 493, 494, 495, 496, 497, 498, 499, 502])
      expect(seen.at(-1)![1]).toBe(null)
      expect(await broker.admin.offsets([t0])).toEqual([ends])
      await broker.close()
    }
    now += 120_000
    broker = await embedded({ ...options, compactBytesMin: 0 })
    expect((await read(broker, t0)).length).toBe(9)
    expect(readdirSync(join(directory, 'topics', 't', '0')).length).toBe(2)
    await write(broker, t0, [['k9', 'new']])
    expect((await read(broker, t0)).at(-1)).toEqual([503, 'new'])
    await broker.close()
  })

  it('cleans nothing that is younger than the lag of its topic, nor what comes after that', async () => {
    const options: EmbeddedOptions = { directory: temporary(), compactBytesMin: 0, clock: { now: () => 1000, sleep: systemClock.sleep } }
    let broker = await embedded(options)
    await broker.admin.createTopics([{ name: 't', partitions: 1, config: { 'cleanup.policy': 'compact', 'min.compaction.lag.ms': '100' } }])
    const producer = await broker.producer({})
    for (const [i, at] of [10, 20, 901, 30, 950].entries()) producer.partition(t0).append(at, 'k', String(i))
    await producer.flush()
    await producer.close()
    await broker.close()
    broker = await embedded(options)
    expect(await read(broker, t0)).toEqual([
      [1, '1'],
      [2, '2'],
      [3, '3'],
      [4, '4'],
    ])
    await broker.close()
  })
})

const canMount = (() => {
  const directory = mkdtempSync(join(tmpdir(), 'riacho-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'none', directory], { stdio: 'ignore' })
    directories.push(directory)
    return directory
  } catch {
    rmSync(directory, { recursive: true })
    return undefined
  }
})()

describe.skipIf(canMount === undefined)('a full disk (needs the right to mount a tmpfs)', () => {
  afterAll(() => void execFileSync('umount', [canMount!]))

  it('is told with the path; what was there stays whole, and writing goes on once there is room', async () => {
    const directory = join(canMount!, 'data')
    const broker = await embedded({ directory, segmentBytesMax: 100_000 })
    const producer = await broker.producer({ batchBytesMax: 10_000, transactionalId: 'x' })
    let committed = 0
    const fill = async (): Promise<void> => {
      for (let i = 0; i < 1000; i++) {
        producer.partition(t0).append(1, null, 'x'.repeat(7000))
        await producer.commit()
        committed++
      }
    }
    const error = await failure(fill())
    expect(error).toMatchObject({ code: 'DISK_FULL', abortable: true })
    expect(error.message).toContain(directory)
    expect((await read(broker, t0)).length).toBe(committed)
    await broker.admin.deleteRecords([{ ...t0, offset: 40 }])
    await producer.abort()
    const left = (await read(broker, t0)).length
    producer.partition(t0).append(1, null, 'after')
    await producer.commit()
    expect((await read(broker, t0)).length).toBe(left + 1)
    await broker.close()
    const again = await embedded({ directory })
    expect((await read(again, t0)).at(-1)![1]).toBe('after')
    expect((await read(again, t0)).length).toBe(left + 1)
    await again.close()
  })
})
