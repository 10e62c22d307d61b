import { type KStream, mapValues, text, to, topic, topology } from '@riacho/streams'
import { loaded, must, processed, read } from './load.ts'

const count = 500_000
const operators = 24

/** Nanoseconds that one more mapValues in a chain costs per record. */
export async function operatorChain(): Promise<{ value: number; unit: string }> {
  const broker = await loaded(count, i => ['k', `value-${i % 1000}`, 1_700_000_000_000 + i])
  const time = async (id: string, extra: number): Promise<number> => {
    let at: KStream<string, string> = topic('in', { key: text, value: text })
    for (let i = 0; i < extra; i++) at = at.pipe(mapValues(value => value))
    return processed(topology(id, at.pipe(to('out', { value: text }))), broker)
  }
  await time('warm-up', operators)
  const without = await time('without', 0)
  const with_ = await time('with', operators)
  let found = 0
  await read(broker, 'out', () => found++)
  must(found === 3 * count, `${found} records of ${3 * count}`)
  return { value: ((with_ - without) / count / operators) * 1e9, unit: 'ns an operator and record' }
}
