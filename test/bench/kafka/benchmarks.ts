import { confluentDriver } from '../../servers/confluent.ts'
import { javaPeer } from './java-peer.ts'
import type { Side } from './side.ts'

/** One comparison: Riacho and those that it is compared with. */
export interface Comparison {
  /** What the last line says. */
  readonly name: string
  readonly what: string
  /** The input topics, as the generator names them. */
  readonly inputs: readonly string[]
  /** Riacho first. */
  readonly sides: readonly Side[]
}

/** What the sides need to know. */
export interface Facts {
  readonly bootstrap: string
  readonly say: (line: string) => void
}

const file = (name: string): string => `${import.meta.dirname}/${name}.ts`
/** A virtual machine compiles for several passes. */
const javaPasses = 8
const passes = 3

/** All who may take part. */
class Sides {
  readonly #to: readonly string[]
  readonly #java: readonly string[]
  readonly #driver: string | undefined

  private constructor(facts: Facts, java: readonly string[], driver: string | undefined) {
    this.#to = ['--bootstrap', facts.bootstrap]
    this.#java = java
    this.#driver = driver
  }

  /** Builds the peers, the first time. One that cannot be had is left out with a line that says why. */
  static async of(facts: Facts): Promise<Sides> {
    const driver = await confluentDriver(facts.say).catch((thrown: Error) => {
      facts.say(`left out: kafka-javascript, because ${thrown.message}`)
      return undefined
    })
    return new Sides(facts, await javaPeer(), driver)
  }

  riacho(workload: string, ...more: string[]): Side {
    return {
      name: named('riacho', workload, more),
      command: [process.execPath, file('riacho'), workload, ...this.#to, ...more],
      passesMin: passes,
    }
  }

  producing(mode: string): Side {
    return { name: `riacho ${mode}`, command: [process.execPath, file('producing'), mode, ...this.#to], passesMin: passes }
  }

  streams(workload: string, ...more: string[]): Side {
    const command = [...this.#java, 'run', '--workload', workload, ...this.#to, ...more]
    return { name: named('kafka-streams', workload, more), command, passesMin: javaPasses }
  }

  client(mode: string): Side {
    return { name: `java-client ${mode}`, command: [...this.#java, 'client', '--mode', mode, ...this.#to], passesMin: javaPasses }
  }

  /** One side, or none. */
  raw(mode: string): readonly Side[] {
    if (this.#driver === undefined) return []
    const command = [process.execPath, file('confluent'), mode, '--driver', this.#driver, ...this.#to]
    return [{ name: `kafka-javascript ${mode}`, command, passesMin: passes }]
  }
}

const named = (who: string, workload: string, more: readonly string[]): string =>
  [who, workload, ...more.filter(word => !word.startsWith('--'))].join(' ')

const queries = ['q0', 'q1', 'q2']
const eos = ['--guarantee', 'exactly-once', '--commit', '100']

const benchmarks: Readonly<Record<string, (sides: Sides) => readonly Comparison[]>> = {
  B1: sides => [
    {
      name: 'B1',
      what: 'consume and count, 120-byte records, CRC and read_committed on',
      inputs: ['raw-120'],
      sides: [sides.riacho('count'), sides.streams('count'), sides.client('consume'), ...sides.raw('consume')],
    },
  ],
  B1p: sides => [
    {
      name: 'B1p',
      what: 'produce 120-byte values to 8 partitions, idempotent, acks=all',
      inputs: [],
      sides: [sides.producing('produce'), sides.client('produce'), ...sides.raw('produce'), ...sides.raw('produce-reported')],
    },
  ],
  B2: sides =>
    queries.flatMap(query => [
      {
        name: `B2 ${query}`,
        what: `Nexmark ${query} in JSON, from Kafka to Kafka, parsed and written again, at least once`,
        inputs: ['nexmark-json'],
        sides: [sides.riacho(query), sides.streams(query)],
      },
      {
        name: `B2 ${query} scanned`,
        what: 'the same with a scanner that reads the fields of the query only',
        inputs: ['nexmark-json'],
        sides: [sides.riacho(`${query}-scanned`), sides.streams(query)],
      },
    ]),
  B3: sides =>
    queries.map(query => ({
      name: `B3 ${query}`,
      what: `Nexmark ${query} exactly once, a commit every 100 ms, beside the same at least once`,
      inputs: ['nexmark-json'],
      sides: [sides.riacho(query, ...eos), sides.riacho(query), sides.streams(query, '--guarantee', 'eos')],
    })),
  TX: sides => [
    {
      name: 'TX',
      what: 'a transaction of 2,000 records and the offsets of 8 partitions every 100 ms',
      inputs: [],
      sides: [sides.producing('transactions'), sides.client('transactions')],
    },
  ],
}

/** Those that need a Kafka. */
export const kafkaBenchmarks: readonly string[] = Object.keys(benchmarks)

/** Makes the comparisons of some benchmarks. */
export async function comparisons(names: readonly string[], facts: Facts): Promise<readonly Comparison[]> {
  const sides = await Sides.of(facts)
  return names.flatMap(name => benchmarks[name]!(sides))
}
