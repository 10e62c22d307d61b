import { count, int64, seconds, sliding, text, to, topic, topology, toStream, windowedKey } from '@riacho/streams'
import { loaded, must, processed, read } from './load.ts'

const records = 200_000
const keys = 10_000
const difference = seconds(10)
const start = 1_700_000_040_000
const keyOf = (i: number): number => (i * 7919) % keys
/** Five records a millisecond, each up to half a second late. */
const timeOf = (i: number): number => start + Math.floor(i / 5) + ((i * 31) % 500)

/** source → count per key in sliding windows of ten seconds → sink, 10,000 keys, the changelog on, every update handed on: each record updates some ten windows. */
export async function slidingCount(): Promise<{ value: number; unit: string }> {
  const names = Array.from({ length: keys }, (_, i) => `key-${i}`)
  const broker = await loaded(records, i => [names[keyOf(i)]!, 'v', timeOf(i)])
  const plan = topology(
    'bench-sliding',
    topic('in', { key: text, value: text }).pipe(
      count('counts', { window: sliding(difference, { grace: seconds(1) }) }),
      toStream(),
      to('out', { value: int64 }),
    ),
  )
  const took = await processed(plan, broker)
  const times = names.map((): number[] => [])
  for (let i = 0; i < records; i++) times[keyOf(i)]!.push(timeOf(i))
  const found = new Map<string, number>()
  const key = windowedKey(text, difference)
  await read(broker, 'out', cursor => {
    const window = key.decode(Uint8Array.from(cursor.keyFrame.subarray(cursor.keyStart, cursor.keyEnd)))
    found.set(`${window.key}@${window.start}`, Number(cursor.valueFrame.readBigInt64BE(cursor.valueStart)))
  })
  let windows = 0
  times.forEach((own, i) => {
    for (const from of new Set(own.flatMap(time => [time - difference, time + 1]))) {
      const inside = own.filter(time => time >= from && time <= from + difference).length
      if (inside === 0) continue
      windows++
      must(found.get(`${names[i]}@${from}`) === inside, `${names[i]} from ${from}: ${found.get(`${names[i]}@${from}`)} of ${inside}`)
    }
  })
  must(found.size === windows, `${found.size} windows of ${windows}`)
  return { value: records / took, unit: 'records/s of one core' }
}
