import { confluentDriver } from '../../servers/confluent.ts'
import { javaPeer } from './java-peer.ts'
import type { Side } from './side.ts'

/** One comparison: Riacho and those that it is compared with. */
export interface Comparison {
  /** What `npm run bench` knows it by, and what the last line says. */
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
const javaPasses = 8
const passes = 3

/** Makes the comparisons of a benchmark; a peer that cannot be had is left out with a line that says why. */
export async function comparisons(name: string, { bootstrap, say }: Facts): Promise<readonly Comparison[]> {
  const to = ['--bootstrap', bootstrap]
  const java = await javaPeer()
  const riacho = (workload: string, ...more: string[]): Side => ({
    name: `riacho ${[workload, ...more.filter(word => !word.startsWith('--'))].join(' ')}`,
    command: [process.execPath, file('riacho'), workload, ...to, ...more],
    passesMin: passes,
  })
  const streams = (workload: string, ...more: string[]): Side => ({
    name: `kafka-streams ${[workload, ...more.filter(word => !word.startsWith('--'))].join(' ')}`,
    command: [...java, 'run', '--workload', workload, ...to, ...more],
    passesMin: javaPasses,
  })
  const client = (mode: string): Side => ({
    name: `java-client ${mode}`,
    command: [...java, 'client', '--mode', mode, ...to],
    passesMin: javaPasses,
  })
  const producing = (mode: string): Side => ({
    name: `riacho ${mode}`,
    command: [process.execPath, file('producing'), mode, ...to],
    passesMin: passes,
  })
  const raw = (mode: string): Promise<Side[]> =>
    confluentDriver(say).then(
      driver => [
        { name: `kafka-javascript ${mode}`, command: [process.execPath, file('confluent'), mode, '--driver', driver, ...to], passesMin: 3 },
      ],
      (thrown: Error) => {
        say(`left out: kafka-javascript, because ${thrown.message}`)
        return []
      },
    )
  const eos = ['--guarantee', 'exactly-once', '--commit', '100']
  const queries = ['q0', 'q1', 'q2']
  switch (name) {
    case 'B1':
      return [
        {
          name: 'B1',
          what: 'consume and count, 120-byte records, CRC and read_committed on',
          inputs: ['raw-120'],
          sides: [riacho('count'), streams('count'), client('consume'), ...(await raw('consume'))],
        },
      ]
    case 'B1p':
      return [
        {
          name: 'B1p',
          what: 'produce 120-byte values to 8 partitions, idempotent, acks=all',
          inputs: [],
          sides: [producing('produce'), client('produce'), ...(await raw('produce'))],
        },
      ]
    case 'B2':
      return queries.flatMap(query => [
        {
          name: `B2 ${query}`,
          what: `Nexmark ${query} in JSON, from Kafka to Kafka, parsed and written again, at least once`,
          inputs: ['nexmark-json'],
          sides: [riacho(query), streams(query)],
        },
        {
          name: `B2 ${query} scanned`,
          what: 'the same with a scanner that reads the fields of the query only',
          inputs: ['nexmark-json'],
          sides: [riacho(`${query}-scanned`), streams(query)],
        },
      ])
    case 'B3':
      return queries.map(query => ({
        name: `B3 ${query}`,
        what: `Nexmark ${query} exactly once, a commit every 100 ms, beside the same at least once`,
        inputs: ['nexmark-json'],
        sides: [riacho(query, ...eos), riacho(query), streams(query, '--guarantee', 'eos')],
      }))
    case 'TX':
      return [
        {
          name: 'TX',
          what: 'a transaction of 2,000 records and the offsets of 8 partitions every 100 ms',
          inputs: [],
          sides: [producing('transactions'), client('transactions')],
        },
      ]
    default:
      throw new Error(`no benchmark ${name}`)
  }
}

/** Those that need a Kafka. */
export const kafkaBenchmarks = ['B1', 'B1p', 'B2', 'B3', 'TX'] as const
