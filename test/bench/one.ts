import { operatorChain } from './operator-chain.ts'
import { stateless, statelessJson } from './stateless.ts'
import { streamJoin, streamJoinMemory } from './stream-join.ts'
import { windowMemory } from './window-memory.ts'
import { windowedCount } from './windowed-count.ts'

const benchmarks: Record<string, () => Promise<{ value: number; unit: string }>> = {
  stateless,
  'stateless-json': statelessJson,
  'windowed-count': windowedCount,
  'operator-chain': operatorChain,
  'window-memory': windowMemory,
  'stream-join': streamJoin,
  'stream-join-memory': streamJoinMemory,
}

const chosen = benchmarks[process.argv[2] ?? '']
if (chosen === undefined) throw new Error(`no benchmark '${process.argv[2]}': there are ${Object.keys(benchmarks).join(', ')}`)
console.log(JSON.stringify(await chosen()))
