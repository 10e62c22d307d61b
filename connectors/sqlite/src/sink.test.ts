import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import type { Sink, StreamRecord } from '@riacho/streams'
import { type SinkFixture, sinkSuite } from '@riacho/testing/suites'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PoisonRows, type SqliteOptions, sqlite } from './index.ts'

interface Event {
  readonly id: number
  readonly revision: number | null
}
type Options = SqliteOptions<string, Event, 'id' | 'revision'>

const never = new AbortController().signal
const record = (id: number, revision: number | null): StreamRecord<string, Event> => ({
  key: String(id),
  value: { id, revision },
  timestamp: 0,
  headers: [],
})
const removal = (id: number): StreamRecord<string, null> => ({ ...record(id, 0), value: null })
const optionsFor = (path: string): Options => ({
  path,
  table: 'event',
  key: ['id'],
  columns: { id: 'INTEGER', revision: 'INTEGER NOT NULL' },
  row: event => event,
  keyOf: key => ({ id: Number(key) }),
})
const query = <R>(path: string, sql: string): R[] => {
  const database = new DatabaseSync(path)
  try {
    return database.prepare(sql).all() as R[]
  } finally {
    database.close()
  }
}
const execute = (path: string, sql: string): void => {
  const database = new DatabaseSync(path)
  database.exec(sql)
  database.close()
}
const heldIn = (path: string): [number, number][] =>
  query<{ id: number; revision: number }>(path, 'SELECT id, revision FROM event ORDER BY id').map(row => [row.id, row.revision])

const make = async (): Promise<SinkFixture<string, Event>> => {
  const folder = mkdtempSync(join(tmpdir(), 'riacho-sqlite-'))
  const path = join(folder, 'events.db')
  return {
    sink: sqlite(optionsFor(path)),
    record,
    removal,
    poison: () => record(99, null),
    held: async () => heldIn(path),
    outage: async () => {
      const other = new DatabaseSync(path)
      other.exec('BEGIN IMMEDIATE')
      return async () => other.close()
    },
    close: async () => rmSync(folder, { recursive: true }),
  }
}

sinkSuite({ name: 'sqlite', make }, { describe, it, expect })

describe('sqlite', () => {
  let folder: string
  let path: string
  let sinks: Sink<string, Event>[]

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'riacho-sqlite-'))
    path = join(folder, 'events.db')
    sinks = []
  })
  afterEach(async () => {
    for (const sink of sinks) await sink.close?.()
    rmSync(folder, { recursive: true })
  })
  const opened = async (options: Partial<Options> = {}): Promise<Sink<string, Event>> => {
    const sink = sqlite({ ...optionsFor(path), ...options })
    await sink.open?.()
    sinks.push(sink)
    return sink
  }

  describe('table', () => {
    it('is made with its primary key, which is never null', async () => {
      await opened()
      expect(query(path, "SELECT sql FROM sqlite_schema WHERE name = 'event'")).toEqual([
        { sql: 'CREATE TABLE "event" ("id" INTEGER NOT NULL, "revision" INTEGER NOT NULL, PRIMARY KEY ("id")) STRICT' },
      ])
      expect(query(path, 'PRAGMA journal_mode')).toEqual([{ journal_mode: 'wal' }])
    })

    it('may have further columns and a unique index instead of a primary key', async () => {
      execute(
        path,
        "CREATE TABLE event (revision INT, id INTEGER, extra TEXT NOT NULL DEFAULT 'x'); CREATE UNIQUE INDEX by_id ON event (id)",
      )
      const sink = await opened()
      await sink.write([record(1, 1), record(1, 2)], never)
      expect(query(path, 'SELECT * FROM event')).toEqual([{ id: 1, revision: 2, extra: 'x' }])
    })

    it.each([
      ['CREATE TABLE event (id INTEGER PRIMARY KEY)', 'has no column revision'],
      ['CREATE TABLE event (id INTEGER PRIMARY KEY, revision TEXT)', 'has revision as TEXT'],
      ['CREATE TABLE event (id INTEGER, revision INTEGER)', 'no primary key or unique index on (id)'],
      ['CREATE TABLE event (id INTEGER PRIMARY KEY, revision INTEGER, more TEXT NOT NULL)', 'needs a value for more'],
    ])('is refused when it is not what the options say: %s', async (sql, message) => {
      execute(path, sql)
      await expect(opened()).rejects.toMatchObject({ kind: 'permanent', message: expect.stringContaining(message) })
    })

    it('may have nothing but key columns', async () => {
      const sink = await opened({ key: ['id', 'revision'] })
      await sink.write([record(1, 1), record(1, 2)], never)
      await sink.write([record(1, 1)], never)
      expect(heldIn(path)).toEqual([
        [1, 1],
        [1, 2],
      ])
    })
  })

  describe('poison', () => {
    const failure = async (sink: Sink<string, Event>, batch: StreamRecord<string, Event | null>[]): Promise<PoisonRows> => {
      const thrown = await sink.write(batch, never).catch((error: unknown) => error)
      expect(thrown).toBeInstanceOf(PoisonRows)
      return thrown as PoisonRows
    }

    it('says which rows, by place, key and reason, and writes the others', async () => {
      const sink = await opened()
      const odd = { ...record(4, 0), value: { id: 4, revision: {} as never } }
      const error = await failure(sink, [record(1, 1), record(2, null), record(3, 1), odd, record(5, 1)])
      expect(error.indexes).toEqual([1, 3])
      expect(error.message).toContain('2 of 5 rows')
      expect(error.message).toContain('row 2 (id=2: NOT NULL constraint failed: event.revision)')
      expect(error.message).toContain('row 4 (id=4: column revision cannot hold this value')
      expect(heldIn(path).map(([id]) => id)).toEqual([1, 3, 5])
    })

    it('is a null value without keyOf, a null key, and what row throws', async () => {
      const { keyOf: _, ...options } = optionsFor(path)
      const sink = sqlite<string, Event, 'id' | 'revision'>({
        ...options,
        row: event => {
          if (event.id === 3) throw new Error('no row for 3')
          return event
        },
      })
      sinks.push(sink)
      await sink.open?.()
      const noKey = { ...record(0, 1), value: { id: null as never, revision: 1 } }
      const error = await failure(sink, [removal(1), noKey, record(3, 1), record(4, 1)])
      expect(error.indexes).toEqual([0, 1, 2])
      for (const reason of ['keyOf', 'key column id is null', 'no row for 3']) expect(error.message).toContain(reason)
      expect(heldIn(path)).toEqual([[4, 1]])
    })

    it.each([
      ['a constraint that waits for the commit', 'REFERENCES known (revision) DEFERRABLE INITIALLY DEFERRED', ''],
      [
        'a trigger that ends the transaction',
        '',
        "CREATE TRIGGER no_9 BEFORE INSERT ON event WHEN new.revision = 9 BEGIN SELECT RAISE(ROLLBACK, 'nine'); END",
      ],
    ])('is found behind %s', async (_, reference, trigger) => {
      execute(path, `CREATE TABLE known (revision INTEGER PRIMARY KEY); INSERT INTO known VALUES (1), (2)`)
      execute(path, `CREATE TABLE event (id INTEGER PRIMARY KEY, revision INTEGER NOT NULL ${reference}); ${trigger}`)
      const sink = await opened()
      const error = await failure(sink, [record(1, 1), record(2, 9), record(3, 2), record(4, null)])
      expect(error.indexes).toEqual([1, 3])
      expect(heldIn(path)).toEqual([
        [1, 1],
        [3, 2],
      ])
    })
  })

  describe('files', () => {
    it('shares one connection among the sinks of a file, until the last one closes', async () => {
      const one = await opened()
      const two = await opened({ table: 'other' })
      await Promise.all(
        Array.from({ length: 50 }, (_, id) => Promise.all([one.write([record(id, 1)], never), two.write([record(id, 1)], never)])),
      )
      expect(query(path, 'SELECT (SELECT count(*) FROM event) + (SELECT count(*) FROM other) AS n')).toEqual([{ n: 100 }])
      await one.close?.()
      await two.write([record(100, 1)], never)
      await two.close?.()
      // The last one to leave takes the write-ahead log with it.
      expect(() => writeFileSync(`${path}-wal`, '', { flag: 'wx' })).not.toThrow()
      rmSync(`${path}-wal`)
    })

    it.runIf(process.platform === 'linux')('holds a file open once, however many sinks write to it', async () => {
      const descriptors = (): number =>
        readdirSync('/proc/self/fd').filter(fd => {
          const link = `/proc/self/fd/${fd}`
          return existsSync(link) && readlinkSync(link) === realpathSync(path)
        }).length
      await opened()
      expect(descriptors()).toBe(1)
      await opened({ table: 'other' })
      expect(descriptors()).toBe(1)
    })

    it('keeps every resolved write when the process is killed', async () => {
      const program = `
        import { sqlite } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
        const sink = sqlite({ path: process.argv[1], table: 'event', key: ['id'], columns: { id: 'INTEGER', revision: 'INTEGER' }, row: event => event })
        await sink.open()
        for (let id = 0; ; id += 2) {
          const batch = [id, id + 1].map(each => ({ key: String(each), value: { id: each, revision: 1 }, timestamp: 0, headers: [] }))
          await sink.write(batch, new AbortController().signal)
          await new Promise(resolve => process.stdout.write(id + 1 + '\\n', resolve))
        }`
      const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program, path], {
        stdio: ['ignore', 'pipe', 'inherit'],
        cwd: fileURLToPath(new URL('.', import.meta.url)),
      })
      let last = -1
      for await (const line of createInterface({ input: child.stdout })) {
        last = Number(line)
        if (last > 500) child.kill('SIGKILL')
      }
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      expect(child.signalCode).toBe('SIGKILL')
      const ids = heldIn(path).map(([id]) => id)
      expect(ids.length).toBeGreaterThan(last)
      // Batches are whole: at most the one that was never acknowledged came on top.
      expect(ids).toEqual(ids.map((_, index) => index))
      expect(ids.length % 2).toBe(0)
      expect(ids.length).toBeLessThanOrEqual(last + 3)
    })

    it('is transient while another process holds the lock, and permanent when the file is no database', async () => {
      const sink = await opened()
      const other = new DatabaseSync(path)
      other.exec('BEGIN EXCLUSIVE')
      await expect(sink.write([record(1, 1)], never)).rejects.toMatchObject({ kind: 'transient', message: expect.stringContaining(path) })
      other.close()
      await sink.write([record(1, 1)], never)
      const text = join(folder, 'text.db')
      writeFileSync(text, 'this is a text file and no database at all')
      await expect(opened({ path: text })).rejects.toMatchObject({ kind: 'permanent', message: expect.stringContaining('another path') })
      await expect(opened({ path: join(folder, 'missing', 'x.db') })).rejects.toMatchObject({
        kind: 'permanent',
        message: expect.stringContaining('create its folder'),
      })
    })

    it('waits at opening for a file that is locked, at most openTriesMax times', async () => {
      const other = new DatabaseSync(path)
      other.exec('CREATE TABLE t (a); BEGIN EXCLUSIVE')
      setTimeout(() => other.close(), 300)
      const sink = await opened()
      await sink.write([record(1, 1)], never)
      expect(heldIn(path)).toEqual([[1, 1]])
      await sink.close?.()
      const holder = new DatabaseSync(path)
      holder.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
      await expect(opened()).rejects.toMatchObject({ kind: 'transient' })
      holder.close()
    })

    it('refuses to write before it is open', async () => {
      await expect(sqlite(optionsFor(path)).write([record(1, 1)], never)).rejects.toMatchObject({ kind: 'permanent' })
    })
  })

  const mounted = (): boolean => {
    mkdirSync(join(folder, 'disk'))
    return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', join(folder, 'disk')]).status === 0
  }

  it('is transient while the disk is full, says which, and writes the batch when there is room', async context => {
    if (!mounted()) return context.skip('mounting a small file system needs root')
    const disk = join(folder, 'disk')
    try {
      path = join(disk, 'events.db')
      const sink = await opened()
      await sink.write([record(1, 1)], never)
      spawnSync('dd', ['if=/dev/zero', `of=${join(disk, 'filler')}`, 'bs=4k'])
      const batch = Array.from({ length: 5000 }, (_, id) => record(id, 2))
      await expect(sink.write(batch, never)).rejects.toMatchObject({ kind: 'transient', message: expect.stringContaining(path) })
      expect(heldIn(path)).toEqual([[1, 1]])
      rmSync(join(disk, 'filler'))
      await sink.write(batch, never)
      expect(heldIn(path).length).toBe(5000)
      await sink.close?.()
      spawnSync('mount', ['-o', 'remount,ro', disk])
      await expect(opened()).rejects.toMatchObject({ kind: 'permanent' })
    } finally {
      for (const sink of sinks.splice(0)) await sink.close?.()
      spawnSync('umount', [disk])
    }
  })

  describe('options', () => {
    it.each<[Partial<Options>, string]>([
      [{ path: '' }, 'path'],
      [{ table: 'event; DROP' }, 'table'],
      [{ columns: { 'a"b': 'TEXT' } as never }, 'column'],
      [{ columns: { id: 'INTEGER', revision: 'TEXT); --' } }, 'type of column revision'],
      [{ columns: { id: 'INTEGER', ID: 'INTEGER' } as never }, 'case'],
      [{ key: [] }, 'key is empty'],
      [{ key: ['nope' as never] }, 'not among the columns'],
      [{ key: ['id', 'id'] }, 'twice'],
    ])('refuses %o', (options, message) => {
      expect(() => sqlite({ ...optionsFor(path), ...options })).toThrow(message)
    })

    it('takes the types of key and value from the stream, and refuses a row without one of the columns', () => {
      const persist = (sink: Sink<string, Event>): string => sink.name
      const table = { path, table: 't', columns: { id: 'INTEGER' } } as const
      const wide = { path, table: 't', columns: { id: 'INTEGER', revision: 'INTEGER' } } as const
      expect(persist(sqlite({ ...table, key: ['id'], row: event => ({ id: event.id }) }))).toBe('sqlite-t')
      // @ts-expect-error a column is misspelt
      expect(persist(sqlite({ ...wide, key: ['id'], row: event => ({ id: event.id, revisoin: 1 }) }))).toBe('sqlite-t')
      // @ts-expect-error the key is not a column
      expect(() => sqlite({ ...table, key: ['uid'], row: (event: Event) => ({ id: event.id }) })).toThrow('uid')
    })
  })
})
