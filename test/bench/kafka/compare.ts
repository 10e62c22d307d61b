import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { kafkaVersion, startKafka } from '../../servers/kafka.ts'
import { type Comparison, comparisons } from './benchmarks.ts'
import { javaPeer } from './java-peer.ts'
import type { Pass } from './passes.ts'
import { rate, type Side, steady } from './side.ts'

/** How often, and how much. */
export interface CompareOptions {
  /** How often each side is run. */
  readonly pairs: number
  /** Most passes of a side, whether they agree or not. */
  readonly passesMax: number
  /** Only comparisons whose name ends so. */
  readonly only?: string | undefined
}

const records = { '--raw-records': 5_000_000, '--nexmark-records': 1_000_000 }
const hasTaskset = spawnSync('taskset', ['-V']).status === 0
const pinned = (cpu: number): readonly string[] => (hasTaskset ? ['taskset', '-c', String(cpu)] : [])

/** Runs benchmarks on a Kafka of their own: the broker on one core, the sides, in turn, on another. */
export async function compare(names: readonly string[], options: CompareOptions): Promise<void> {
  // The broker, started from here, inherits it.
  if (hasTaskset) spawnSync('taskset', ['-a', '-p', '-c', '0', String(process.pid)])
  else console.log('taskset is not there: broker and sides share all cores')
  const server = await startKafka()
  // A server ends with the process that started it, if that one ends by itself.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  try {
    console.log(`Kafka ${kafkaVersion}, one node, its data in the page cache`)
    const facts = { bootstrap: server.address, say: (line: string) => console.log(line) }
    for (const comparison of await comparisons(names, facts)) {
      if (options.only !== undefined && !comparison.name.endsWith(options.only)) continue
      await generate(comparison.inputs, server.address)
      await compareSides(comparison, options)
    }
  } finally {
    await server.stop()
  }
}

/** Writes the inputs that are not there yet. */
async function generate(inputs: readonly string[], bootstrap: string): Promise<void> {
  if (inputs.length === 0) return
  const [command, ...args] = await javaPeer()
  const sizes = Object.entries(records).flatMap(([name, count]) => [name, String(count)])
  await promisify(execFile)(command!, [...args, 'gen', '--bootstrap', bootstrap, '--topic', inputs.join(), ...sizes])
}

/** Each side once per pair, forwards and backwards in turn (A-B-B-A), so that what drifts hits all alike. */
async function compareSides({ name, what, sides }: Comparison, { pairs, passesMax }: CompareOptions): Promise<void> {
  console.log(`\n${name}: ${what}`)
  const rates = new Map<Side, Pass[]>(sides.map(side => [side, []]))
  for (let pair = 0; pair < pairs; pair++) {
    for (const side of pair % 2 === 0 ? sides : [...sides].reverse()) {
      const { agreed, configuration, last, passes } = await steady({ ...side, command: [...pinned(1), ...side.command] }, passesMax)
      if (pair === 0) console.log(`  ${side.name}: ${JSON.stringify(configuration)}`)
      rates.get(side)!.push(last)
      console.log(`  pair ${pair + 1}  ${shown(side, last)}, ${passes} passes${agreed ? '' : ', the last of which do not agree'}`)
    }
  }
  for (const side of sides) {
    const of = rates.get(side)!
    const wall = of.map(pass => pass.records / pass.wallSeconds)
    const memory = of.map(pass => pass.peakRssMB)
    const latency =
      of[0]!.p50Ms === undefined
        ? ''
        : `, p50 ${spread(
            of.map(pass => pass.p50Ms!),
            1,
          )} ms, p99 ${spread(
            of.map(pass => pass.p99Ms!),
            1,
          )} ms`
    console.log(
      `  ${side.name}: ${spread(of.map(rate), 0)} records per CPU second, ${spread(wall, 0)} records/s, ${spread(memory, 0)} MB${latency}`,
    )
  }
  const [own, ...peers] = sides
  for (const peer of peers) {
    const ratios = rates.get(own!)!.map((pass, i) => rate(pass) / rate(rates.get(peer)![i]!))
    console.log(`ratio ${name} ${spread(ratios, 2)} × ${peer.name}`)
  }
}

function shown({ name }: Side, pass: Pass): string {
  const wall = pass.records / pass.wallSeconds
  const latency = pass.p50Ms === undefined ? '' : `, p50 ${number(pass.p50Ms, 1)} ms, p99 ${number(pass.p99Ms!, 1)} ms`
  return `${name}: ${number(rate(pass), 0)} records per CPU second, ${number(wall, 0)} records/s, ${pass.peakRssMB} MB${latency}`
}

/** The median, with the least and the most. */
function spread(values: readonly number[], digits: number): string {
  const sorted = [...values].sort((a, b) => a - b)
  const [median, least, most] = [sorted[sorted.length >> 1]!, sorted[0]!, sorted.at(-1)!].map(value => number(value, digits))
  return `${median} (${least}–${most})`
}

const number = (value: number, digits: number): string => value.toLocaleString('en-US', { maximumFractionDigits: digits })
