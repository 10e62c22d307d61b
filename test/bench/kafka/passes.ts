import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** What a pass tells: one line of JSON. */
export interface Pass {
  readonly records: number
  readonly wallSeconds: number
  /** Of the whole process: its compiler's and collector's threads included. */
  readonly cpuSeconds: number
  readonly peakRssMB: number
  /** `ok`, or what is wrong. */
  readonly verify: string
  /** Of transactions. */
  readonly p50Ms?: number
  readonly p99Ms?: number
}

/** One moment; a difference of two is one measured interval. */
export class Mark {
  readonly #wall = performance.now()
  readonly #cpu = process.cpuUsage()

  /** What was used until now. */
  until(records: number): Omit<Pass, 'verify'> {
    const { user, system } = process.cpuUsage(this.#cpu)
    const wallSeconds = (performance.now() - this.#wall) / 1000
    return { records, wallSeconds, cpuSeconds: (user + system) / 1e6, peakRssMB: peakRssMB() }
  }
}

function peakRssMB(): number {
  const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return Math.round(Number(kilobytes) / 1024)
}

/** Does a pass for each line that comes in, and answers with a line. */
export async function answerPasses(
  peer: string,
  configuration: Readonly<Record<string, unknown>>,
  pass: () => Promise<Omit<Pass, 'verify'>>,
) {
  console.log(JSON.stringify({ peer, configuration: { node: process.version, ...configuration } }))
  for await (const _ of createInterface({ input: process.stdin })) console.log(JSON.stringify({ ...(await pass()), verify: 'ok' }))
}
