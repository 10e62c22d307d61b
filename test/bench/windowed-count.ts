import { count, int64, minutes, text, to, topic, topology, toStream, tumbling } from '@riacho/streams'
import type { StoreSuppliers } from '@riacho/streams/engine'
import { loaded, must, processed, read } from './load.ts'

const records = 1_000_000
const keys = 10_000

/** source → count per key and minute → sink, 10,000 keys, the changelog on, every update handed on. */
export async function windowedCount(stores?: StoreSuppliers): Promise<{ value: number; unit: string }> {
  const names = Array.from({ length: keys }, (_, i) => `key-${i}`)
  const start = 1_700_000_040_000
  const keyOf = (i: number): number => (i * 7919) % keys
  const broker = await loaded(records, i => [names[keyOf(i)]!, 'v', start + Math.floor(i / 5)])
  const plan = topology(
    'bench-window',
    topic('in', { key: text, value: text }).pipe(
      count('counts', { window: tumbling(minutes(1), { grace: minutes(1) }) }),
      toStream(),
      to('out', { value: int64 }),
    ),
  )
  const seconds = await processed(plan, broker, stores)
  const expected = new Map<string, number>()
  for (let i = 0; i < records; i++) {
    const time = start + Math.floor(i / 5)
    const window = `${names[keyOf(i)]}@${time - (time % 60_000)}`
    expected.set(window, (expected.get(window) ?? 0) + 1)
  }
  for (const changelog of [true, false]) {
    const found = new Map<string, number>()
    let updates = 0
    await read(broker, changelog ? 'bench-window-counts-changelog' : 'out', cursor => {
      const end = cursor.keyEnd - (changelog ? 12 : 8)
      const at = Number(cursor.keyFrame.readBigInt64BE(end))
      found.set(`${cursor.keyFrame.utf8Slice(cursor.keyStart, end)}@${at}`, Number(cursor.valueFrame.readBigInt64BE(cursor.valueStart)))
      updates++
    })
    must(updates === records, `${updates} updates of ${records}`)
    must(
      found.size === expected.size && [...expected].every(([window, n]) => found.get(window) === n),
      'counts differ from the recomputation',
    )
  }
  return { value: records / seconds, unit: 'records/s of one core' }
}
