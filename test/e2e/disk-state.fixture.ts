/** `node disk-state.fixture.ts FOLDER KEYS ROWBYTES`: more state than this process may have memory. Tells what came of it as a line of JSON. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { embedded } from '@riacho/embedded'
import { lmdb } from '@riacho/lmdb'
import { app } from '@riacho/runtime'
import { aggregate, int32, mapValues, text, to, topic, topology, toStream } from '@riacho/streams'

const [folder, keysText, bytesText] = process.argv.slice(2)
const keys = Number(keysText)
const rowBytes = Number(bytesText)
/** First all keys in one order, then some of them again in another. */
const passes = [
  { step: 7919, count: keys },
  { step: 104_729, count: Math.ceil(keys / 8) },
]

/** Memory of this process that no file stands behind, in bytes; 0 where the system does not tell. */
function anonymousBytes(): number {
  try {
    return Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

const broker = await embedded({ directory: join(folder!, 'broker') })
await broker.admin.createTopics([
  { name: 'in', partitions: 1 },
  { name: 'out', partitions: 1 },
])
const producer = await broker.producer({})
const writer = producer.partition({ topic: 'in', partition: 0 })
const times = new Uint8Array(keys)
for (const [pass, { step, count }] of passes.entries()) {
  for (let i = 0; i < count; i++) {
    const key = (i * step) % keys
    times[key]!++
    writer.append(pass, `key-${key}`, 'v')
    if (i % 10_000 === 0) await producer.flush()
  }
}
await producer.flush()
await producer.close()

/** Each row says its key, how often that came, and is long. */
const plan = topology(
  'large',
  topic('in', { key: text, value: text }).pipe(
    aggregate(
      'rows',
      () => '',
      (_value, sum, { key }) => {
        const [known, count] = sum === '' ? [key, '0'] : sum.split(' ', 2)
        if (known !== key) throw new Error(`the row of ${key} is ${sum.slice(0, 100)}`)
        return `${key} ${Number(count) + 1} `.padEnd(rowBytes, '.')
      },
      { value: text },
    ),
    toStream(),
    mapValues(row => Number(row!.split(' ', 2)[1])),
    to('out', { value: int32 }),
  ),
)
const running = app(plan, {
  broker,
  stores: lmdb({ directory: join(folder!, 'state'), memoryBytesMax: 2 << 20 }),
  limits: { producerBytesMax: 2 << 20, queueBytesMax: 1 << 20, memoryBytesMax: 8 << 20 },
})
const samples: number[] = []
const sampling = setInterval(() => samples.push(anonymousBytes()), 20)
const began = process.cpuUsage()
await running.start()
await running.untilEnd()
const { user, system } = process.cpuUsage(began)
clearInterval(sampling)
await running.stop()

const seen = new Uint8Array(keys)
let wrong = 0
const fetcher = broker.fetcher({ isolation: 'read_committed' })
const at = { topic: 'out', partition: 0 }
fetcher.add(at, 0)
const [ends] = await broker.admin.offsets([at])
for (let position = 0; position < ends!.lastStable; ) {
  for (const batches of await fetcher.poll(100)) {
    const cursor = batches.cursor()
    while (cursor.next()) {
      const key = Number(cursor.keyFrame.latin1Slice(cursor.keyStart + 'key-'.length, cursor.keyEnd))
      if (++seen[key]! !== cursor.valueFrame.readInt32BE(cursor.valueStart)) wrong++
    }
    position = cursor.position
    batches.release()
  }
}
fetcher.close()
await broker.close()
wrong += seen.reduce((sum, count, key) => sum + (count === times[key] ? 0 : 1), 0)
const middle = samples.length >> 1
const halves = [samples.slice(0, middle), samples.slice(middle)].map(half => half.reduce((most, bytes) => Math.max(most, bytes), 0))
console.log(
  JSON.stringify({ records: times.reduce((sum, count) => sum + count, 0), wrong, anonymousBytes: halves, seconds: (user + system) / 1e6 }),
)
