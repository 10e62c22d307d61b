/**
 * `npm run bench -- [NAME…] [--runs N]`: runs benchmarks, each in a process of its own on one core where taskset is found, and prints the median of N runs with the least and
 * the most. Every benchmark checks its results and fails when they are wrong. `npm run bench -- B1|B1p|B2|B3|TX [--pairs N] [--passes MOST] [--only q0]`: side by side with other clients on a
 * Kafka of its own.
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { kafkaBenchmarks } from './kafka/benchmarks.ts'
import { compare } from './kafka/compare.ts'

const names = [
  'stateless',
  'stateless-json',
  'windowed-count',
  'sliding-count',
  'operator-chain',
  'window-memory',
  'rows-by-start-one-start',
  'rows-by-key-one-start',
  'rows-by-start-own-starts',
  'rows-by-key-own-starts',
  'rows-of-sessions',
  'stream-join',
  'stream-join-memory',
  'keyed-count',
  'keyed-count-on-disk',
  'windowed-count-on-disk',
  'disk-state',
  'avro-flat',
  'avro-nested',
] as const
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '5' },
    pairs: { type: 'string', default: '5' },
    passes: { type: 'string', default: '20' },
    only: { type: 'string' },
  },
})
const compared = positionals.filter(name => kafkaBenchmarks.includes(name))
if (compared.length > 0) await compare(compared, { pairs: Number(values.pairs), passesMax: Number(values.passes), only: values.only })
const chosen = positionals.length > 0 ? positionals.filter(name => !compared.includes(name)) : names
const runs = Number(values.runs)
const pinned = spawnSync('taskset', ['-V']).status === 0 ? ['taskset', '-c', '1'] : []

interface Result {
  readonly value: number
  readonly unit: string
}

for (const name of chosen) {
  const results: Result[] = []
  for (let i = 0; i < runs; i++) {
    const command = [...pinned, process.execPath, '--expose-gc', `${import.meta.dirname}/one.ts`, name]
    const done = spawnSync(command[0]!, command.slice(1), { encoding: 'utf8' })
    if (done.status !== 0) {
      process.stderr.write(done.stderr)
      process.exit(1)
    }
    results.push(JSON.parse(done.stdout.trim().split('\n').at(-1)!) as Result)
  }
  const sorted = results.map(result => result.value).sort((a, b) => a - b)
  const shown = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: value < 1000 ? 1 : 0 })
  console.log(
    `${name.padEnd(16)} ${shown(sorted[sorted.length >> 1]!).padStart(12)} ${results[0]!.unit} (${shown(sorted[0]!)}–${shown(sorted.at(-1)!)}, ${runs} runs)`,
  )
}
