import { avroFlat, avroNested } from './avro.ts'
import { diskState, keyedCount, onDisk } from './disk-state.ts'
import { operatorChain } from './operator-chain.ts'
import { slidingCount } from './sliding-count.ts'
import { stateless, statelessJson } from './stateless.ts'
import { streamJoin, streamJoinMemory } from './stream-join.ts'
import { rowMemory, windowMemory } from './window-memory.ts'
import { windowedCount } from './windowed-count.ts'

const benchmarks: Record<string, () => Promise<{ value: number; unit: string }>> = {
  stateless,
  'stateless-json': statelessJson,
  'windowed-count': () => windowedCount(),
  'sliding-count': slidingCount,
  'operator-chain': operatorChain,
  'window-memory': windowMemory,
  'rows-by-start-one-start': rowMemory('by-start', 'one-start'),
  'rows-by-key-one-start': rowMemory('by-key', 'one-start'),
  'rows-by-start-own-starts': rowMemory('by-start', 'own-starts'),
  'rows-by-key-own-starts': rowMemory('by-key', 'own-starts'),
  'rows-of-sessions': rowMemory('sessions', 'own-starts'),
  'stream-join': streamJoin,
  'stream-join-memory': streamJoinMemory,
  'keyed-count': () => keyedCount(),
  'keyed-count-on-disk': () => onDisk(keyedCount),
  'windowed-count-on-disk': () => onDisk(windowedCount),
  'disk-state': diskState,
  'avro-flat': avroFlat,
  'avro-nested': avroNested,
}

const chosen = benchmarks[process.argv[2] ?? '']
if (chosen === undefined) throw new Error(`no benchmark '${process.argv[2]}': there are ${Object.keys(benchmarks).join(', ')}`)
console.log(JSON.stringify(await chosen()))
