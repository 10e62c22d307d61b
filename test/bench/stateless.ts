import { filter, json, mapValues, text, to, topic, topology } from '@riacho/streams'
import { loaded, must, processed, read } from './load.ts'

const count = 1_000_000
const filler = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_abcdefghijklmnopqrstuvwxyz'

/** source → filter → mapValues → sink on 100-byte text. The filter passes 9 of 10 records; each value is changed. */
export async function stateless(): Promise<{ value: number; unit: string }> {
  const values = Array.from({ length: 1000 }, (_, i) => `${i % 10}${String(i).padStart(9, '0')}${filler}`)
  const broker = await loaded(count, i => [`k${i % 100}`, values[i % 1000]!, 1_700_000_000_000 + i])
  const input = topic('in', { key: text, value: text })
  const plan = topology(
    'bench-stateless',
    input.pipe(
      filter(value => value.charCodeAt(0) !== 48),
      mapValues(value => `x${value.slice(1)}`),
      to('out', { value: text }),
    ),
  )
  const seconds = await processed(plan, broker)
  let expected = 0
  let sum = 0
  for (let i = 0; i < count; i++) {
    if ((i % 1000) % 10 === 0) continue
    expected++
    sum = (sum + Number(values[i % 1000]!.slice(1, 10)) + 120) % 1_000_000_007
  }
  let found = 0
  await read(broker, 'out', cursor => {
    const value = cursor.valueFrame.utf8Slice(cursor.valueStart, cursor.valueEnd)
    must(value.length === 100 && value.endsWith(filler), `value ${value}`)
    sum = (sum - Number(value.slice(1, 10)) - value.charCodeAt(0) + 1_000_000_007) % 1_000_000_007
    found++
  })
  must(found === expected && sum === 0, `${found} records of ${expected}, checksum off by ${sum}`)
  return { value: count / seconds, unit: 'records/s of one core' }
}

/** The same with JSON values that are parsed and written again. */
export async function statelessJson(): Promise<{ value: number; unit: string }> {
  const values = Array.from({ length: 1000 }, (_, i) =>
    JSON.stringify({ id: i, name: `name-${i}`, price: i * 3, note: filler.slice(0, 40) }),
  )
  const broker = await loaded(count, i => [`k${i % 100}`, values[i % 1000]!, 1_700_000_000_000 + i])
  interface Item {
    id: number
    name: string
    price: number
    note: string
  }
  const plan = topology(
    'bench-json',
    topic('in', { key: text, value: json<Item>() }).pipe(
      filter(item => item.id % 10 !== 0),
      mapValues(item => ({ id: item.id, name: item.name, price: item.price + 1, note: item.note })),
      to('out', { value: json() }),
    ),
  )
  const seconds = await processed(plan, broker)
  let found = 0
  let sum = 0
  await read(broker, 'out', cursor => {
    sum += (JSON.parse(cursor.valueFrame.utf8Slice(cursor.valueStart, cursor.valueEnd)) as Item).price
    found++
  })
  let expected = 0
  for (let i = 0; i < 1000; i++) if (i % 10 !== 0) expected += (i * 3 + 1) * (count / 1000)
  must(found === count * 0.9 && sum === expected, `${found} records, sum ${sum} instead of ${expected}`)
  return { value: count / seconds, unit: 'records/s of one core' }
}
